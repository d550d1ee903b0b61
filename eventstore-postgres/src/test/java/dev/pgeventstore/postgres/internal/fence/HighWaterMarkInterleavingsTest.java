package dev.pgeventstore.postgres.internal.fence;

import dev.pgeventstore.postgres.internal.scheduling.Interleavings;
import dev.pgeventstore.postgres.internal.scheduling.Untimed;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A reader that waits while something is committed, in every order that the model checker comes to.
 * Nothing ends a wait but a signal: one that is missed is found as a deadlock.
 */
@Tag("interleavings")
class HighWaterMarkInterleavingsTest {

  private static final String INCARNATION = "this incarnation";
  private static final Duration DAY = Duration.ofDays(1);

  /** A reader waits for what is committed meanwhile. */
  public static final class Commit extends Interleavings {
    @Override
    protected void play() throws Exception {
      AtomicInteger committed = new AtomicInteger(1);
      LoneMark lone = new LoneMark(new Untimed(), new Committed(committed), DAY);
      HighWaterMark mark = lone.mark();
      Thread reader =
          new Thread(() -> require(await(mark, 1).position() == 2, "it waits for the commit"));
      reader.start();
      committed.set(2);
      mark.appended();
      reader.join();
      lone.close();
    }
  }

  @Test
  void a_reader_never_sleeps_over_a_commit() {
    Interleavings.explore(Commit.class, 300);
  }

  /** A reader waits, and the mark is closed. */
  public static final class Closing extends Interleavings {
    @Override
    protected void play() throws Exception {
      LoneMark lone = new LoneMark(new Untimed(), new Committed(new AtomicInteger(1)), DAY);
      HighWaterMark mark = lone.mark();
      Thread reader =
          new Thread(
              () -> {
                try {
                  await(mark, 1);
                } catch (IllegalStateException e) {
                  // It is closed.
                }
              });
      reader.start();
      lone.close();
      reader.join();
    }
  }

  @Test
  void closing_ends_every_wait() {
    Interleavings.explore(Closing.class, 100);
  }

  private static Mark await(HighWaterMark mark, long after) {
    try {
      return mark.await(after, INCARNATION, DAY);
    } catch (SQLException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private record Committed(AtomicInteger last) implements FenceView {

    @Override
    public Observation observe(FenceFunction fence) {
      int position = last.get();
      return new Observation(position, position, INCARNATION, List.of());
    }

    @Override
    public List<Observation> observeAll(List<FenceFunction> fences) {
      return fences.stream().map(this::observe).toList();
    }

    @Override
    public long settled(FenceFunction fence) {
      return 0;
    }

    @Override
    public void release() {}
  }
}
