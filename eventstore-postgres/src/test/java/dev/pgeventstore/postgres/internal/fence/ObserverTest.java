package dev.pgeventstore.postgres.internal.fence;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Node;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Style;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import org.junit.jupiter.api.Test;

/** What holds up the observer of several schemas, and what does not. */
class ObserverTest {

  private static final Duration POLL = Duration.ofMillis(250);
  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final FenceFunction GOOD = new FenceFunction(new Schema("good"));
  private static final FenceFunction BAD = new FenceFunction(new Schema("bad"));
  private static final String INCARNATION = "this incarnation";

  @Test
  void a_schema_that_no_thread_can_be_started_for_holds_up_no_other_and_is_tried_again()
      throws Throwable {
    play(
        scene -> {
          Fences fences = new Fences(scene);
          FewThreads apart = new FewThreads();
          Observer observer = new Observer(scene.node, () -> fences, apart, POLL);
          HighWaterMark good = observer.mark(GOOD);
          HighWaterMark bad = observer.mark(BAD);
          fences.broken.add(BAD);
          Watch waits = bad.watch(() -> {});
          assertThat(bad.poll(0, "", waits)).isNull();
          for (long position = 1; position <= 5; position++) {
            fences.drawn.put(GOOD, position);
            good.appended();
            assertThat(good.await(position - 1, INCARNATION, MINUTE).position())
                .isEqualTo(position);
            scene.node.sleep(POLL.toNanos());
          }
          assertThat(apart.refused).isGreaterThan(1);

          apart.are = true;
          fences.broken.clear();
          fences.drawn.put(BAD, 1L);
          assertThat(bad.await(0, INCARNATION, MINUTE).position()).isEqualTo(1);
        });
  }

  @Test
  void a_reader_that_waits_for_a_connection_of_its_own_does_not_hold_up_the_observer()
      throws Throwable {
    play(
        scene -> {
          Fences fences = new Fences(scene);
          fences.exhausted = true;
          Observer observer = new Observer(scene.node, () -> fences, Runnable::run, POLL);
          HighWaterMark mark = observer.mark(GOOD);
          List<Mark> asked = new ArrayList<>();
          scene.node.start("asks", () -> asked.add(observe(mark)));
          scene.node.start("asks", () -> asked.add(incarnationSince(mark, scene.now())));
          scene.simulation.block(() -> fences.waiting == 2, Long.MAX_VALUE);

          fences.drawn.put(GOOD, 7L);
          mark.appended();
          assertThat(mark.await(0, INCARNATION, MINUTE).position()).isEqualTo(7);

          assertThat(asked).isEmpty();
          fences.exhausted = false;
          scene.simulation.block(() -> asked.size() == 2, scene.simulation.after(MINUTE.toNanos()));
          assertThat(asked).hasSize(2).allMatch(seen -> seen.position() == 7);
        });
  }

  @Test
  void that_a_reader_waits_for_a_connection_shows_as_a_mark_that_is_not_observed()
      throws Throwable {
    play(
        scene -> {
          Fences fences = new Fences(scene);
          fences.exhausted = true;
          Observer observer = new Observer(scene.node, () -> fences, Runnable::run, POLL);
          HighWaterMark mark = observer.mark(GOOD);
          scene.node.start("asks", () -> observe(mark));
          scene.simulation.block(() -> fences.waiting == 1, Long.MAX_VALUE);
          scene.node.sleep(MINUTE.toNanos());

          assertThat(mark.sinceObserved()).isGreaterThanOrEqualTo(MINUTE);
        });
  }

  /** The driver splits what is longer, and locks are waited for without a limit then. */
  @Test
  void no_more_schemas_are_observed_in_one_round_trip_than_the_driver_sends_together()
      throws Throwable {
    play(
        scene -> {
          Fences fences = new Fences(scene);
          Observer observer = new Observer(scene.node, () -> fences, Runnable::run, POLL);
          int schemas = 2 * Observer.MOST_TOGETHER + 10;
          List<HighWaterMark> marks = new ArrayList<>();
          for (int i = 0; i < schemas; i++) {
            FenceFunction fence = new FenceFunction(new Schema("tenant_" + i));
            fences.drawn.put(fence, 1L + i);
            marks.add(observer.mark(fence));
          }
          Set<HighWaterMark> moved = new HashSet<>();
          for (HighWaterMark mark : marks) {
            if (mark.poll(0, "", mark.watch(() -> moved.add(mark))) != null) {
              moved.add(mark);
            }
          }
          scene.simulation.block(
              () -> moved.size() == schemas, scene.simulation.after(MINUTE.toNanos()));

          assertThat(moved).hasSize(schemas);
          assertThat(fences.mostTogether).isBetween(2, 200);
        });
  }

  private static Mark observe(HighWaterMark mark) {
    try {
      return mark.observe();
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  private static Mark incarnationSince(HighWaterMark mark, long moment) {
    try {
      assertThat(mark.incarnationSince(moment)).isEqualTo(INCARNATION);
      return mark.last();
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  private static void play(Play play) throws Throwable {
    for (long seed = 1; seed <= 20; seed++) {
      SimulatedScheduler simulation =
          new SimulatedScheduler(seed, new Style(2, 0, 5_000), 1_000_000, 0);
      Scene scene = new Scene(simulation, simulation.node("node"));
      simulation.run(
          scene.node,
          () -> {
            try {
              play.in(scene);
            } catch (Exception e) {
              throw new AssertionError(e);
            }
          });
    }
  }

  private interface Play {
    void in(Scene scene) throws Exception;
  }

  private record Scene(SimulatedScheduler simulation, Node node) {
    long now() {
      return simulation.nanoTime();
    }
  }

  /** Threads that the system may have none of. */
  private static final class FewThreads implements Executor {
    private boolean are;
    private int refused;

    @Override
    public void execute(Runnable work) {
      if (!are) {
        refused++;
        throw new Error("unable to create native thread");
      }
      work.run();
    }
  }

  /** Fences of schemas, some of which cannot be looked at. */
  private static final class Fences implements FenceView {
    private final Scene scene;
    private final Map<FenceFunction, Long> drawn = new HashMap<>();
    private final Set<FenceFunction> broken = new HashSet<>();
    private boolean exhausted;
    private int waiting;
    private int mostTogether;

    Fences(Scene scene) {
      this.scene = scene;
    }

    @Override
    public void connect() {
      waiting++;
      scene.simulation.block(() -> !exhausted, Long.MAX_VALUE);
    }

    @Override
    public Observation observe(FenceFunction fence) throws SQLException {
      scene.simulation.point();
      if (broken.contains(fence)) {
        throw new SQLException("there is no such schema", "3F000");
      }
      long position = drawn.getOrDefault(fence, 0L);
      return new Observation(position, position, INCARNATION, List.of());
    }

    @Override
    public List<Observation> observeAll(List<FenceFunction> fences) throws SQLException {
      mostTogether = Math.max(mostTogether, fences.size());
      List<Observation> all = new ArrayList<>();
      for (FenceFunction fence : fences) {
        all.add(observe(fence));
      }
      return all;
    }

    @Override
    public long settled(FenceFunction fence) {
      return 0;
    }

    @Override
    public void release() {}
  }
}
