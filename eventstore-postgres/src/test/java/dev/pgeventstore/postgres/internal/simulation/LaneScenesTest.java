package dev.pgeventstore.postgres.internal.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Event;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Faults;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Key;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Lease;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Session;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Style;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** What handlers and listeners that hang, and connections that are waited for, do not hold up. */
@Order(1)
class LaneScenesTest {

  private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);
  private static final Duration LEASE = Duration.ofSeconds(3);

  @Test
  void two_lanes_of_a_partition_never_handle_at_once_however_often_it_was_taken_over()
      throws Throwable {
    play(
        scene -> {
          SimulatedNode node = scene.node("node", connections -> connections);
          int[] handling = {0};
          List<Integer> atOnce = new ArrayList<>();
          boolean[] goesOn = {false};
          node.subscriptions.start(
              spec(
                  "view",
                  new SubscriptionListener() {},
                  batch -> {
                    atOnce.add(++handling[0]);
                    scene.simulation.block(() -> goesOn[0], Long.MAX_VALUE);
                    handling[0]--;
                  }));
          scene.append();
          scene.await(() -> handling[0] == 1);

          // Others had it in between. The second lane is still waiting for the first one's end.
          scene.takeOver("view", "node");
          scene.simulation.sleep(MINUTE / 20);
          scene.takeOver("view", "node");
          scene.simulation.sleep(MINUTE / 2);
          assertThat(atOnce).containsExactly(1);

          goesOn[0] = true;
          scene.await(() -> atOnce.size() == 2);
          assertThat(atOnce).containsExactly(1, 1);
        });
  }

  @Test
  void listeners_that_hang_when_the_database_fails_keep_no_other_lane_from_beginning()
      throws Throwable {
    play(
        scene -> {
          SimulatedNode node =
              scene.node(
                  "node",
                  connections ->
                      new Gate(
                          connections,
                          leases -> {
                            if (isThreadOf("hangs")) {
                              throw new SQLException("the connection was lost", "08006");
                            }
                          }));
          int[] hanging = {0};
          SubscriptionListener hangs =
              new SubscriptionListener() {
                @Override
                public void failed(Failed failure) {
                  hanging[0]++;
                  scene.simulation.block(() -> false, Long.MAX_VALUE);
                }
              };
          for (int i = 0; i < 10; i++) {
            node.subscriptions.start(spec("hangs" + i, hangs, batch -> {}));
          }
          scene.await(() -> hanging[0] == 10);

          requireThatAnotherHandles(scene, node);
        });
  }

  @Test
  void listeners_that_hang_when_a_lease_is_taken_keep_no_other_lane_from_beginning()
      throws Throwable {
    play(
        scene -> {
          SimulatedNode node = scene.node("node", connections -> connections);
          int[] hanging = {0};
          SubscriptionListener hangs =
              new SubscriptionListener() {
                @Override
                public void leaseTaken(LeaseTaken lease) {
                  hanging[0]++;
                  scene.simulation.block(() -> false, Long.MAX_VALUE);
                }
              };
          for (int i = 0; i < 10; i++) {
            node.subscriptions.start(spec("hangs" + i, hangs, batch -> {}));
          }
          scene.await(() -> hanging[0] == 10);

          requireThatAnotherHandles(scene, node);
        });
  }

  private static void requireThatAnotherHandles(Scene scene, SimulatedNode node)
      throws SQLException {
    boolean[] handled = {false};
    node.subscriptions.start(
        spec("view", new SubscriptionListener() {}, batch -> handled[0] = true));
    scene.append();
    scene.await(() -> handled[0]);
  }

  @Test
  void asking_to_stop_waits_for_no_subscription_that_waits_for_the_database_to_be_arranged()
      throws Throwable {
    requireStopped(false);
  }

  @Test
  void asking_to_stop_waits_for_no_subscription_that_waits_for_the_database_to_take_its_leases()
      throws Throwable {
    requireStopped(true);
  }

  /**
   * A subscription that is being started when the store is closed.
   *
   * @param withLeases whether it waits for its leases, and not before that
   */
  private static void requireStopped(boolean withLeases) throws Throwable {
    play(
        scene -> {
          boolean[] open = {true};
          int[] waiting = {0};
          SimulatedNode node =
              scene.node(
                  "node",
                  connections ->
                      new Gate(
                          connections,
                          leases -> {
                            if (leases == withLeases && !open[0]) {
                              waiting[0]++;
                              scene.simulation.block(() -> open[0], Long.MAX_VALUE);
                            }
                          }));
          open[0] = false;
          boolean[] ended = {false};
          node.process.start(
              "starting",
              () -> {
                node.subscriptions.start(spec("view", new SubscriptionListener() {}, batch -> {}));
                ended[0] = true;
              });
          scene.await(() -> waiting[0] == 1);

          node.subscriptions.askToStop();

          assertThat(open[0]).isFalse();
          open[0] = true;
          scene.await(() -> ended[0]);
          node.close();
          assertThat(scene.postgres.leases.all()).allMatch(cell -> cell.committed.owner() == null);
          assertThat(scene.postgres.members.all()).allMatch(cell -> cell.committed == null);
        });
  }

  /** An append that waits for its connection takes 11 s of the 30 that are promised. */
  @Test
  void closing_takes_no_longer_than_it_may_when_a_pool_gives_no_connection() throws Throwable {
    play(
        scene -> {
          boolean[] open = {true};
          int[] waiting = {0};
          SimulatedNode node =
              scene.node(
                  "node",
                  connections ->
                      new Gate(
                          connections,
                          leases -> {
                            waiting[0] += !open[0] && isThreadOf("idle") ? 1 : 0;
                            scene.simulation.block(() -> open[0], Long.MAX_VALUE);
                          }));
          for (int i = 0; i < 10; i++) {
            node.subscriptions.start(
                new Simulation.Spec(
                    "idle" + i,
                    EventQuery.all().types("none"),
                    List.of(),
                    Start.beginning(),
                    10,
                    1,
                    FailurePolicy.stop(),
                    LEASE,
                    Duration.ofSeconds(10),
                    new SubscriptionListener() {},
                    batch -> {}));
          }
          scene.simulation.sleep(TimeUnit.MILLISECONDS.toNanos(100));
          // Its lanes have come further than what they have stored.
          scene.append();
          node.signals.appended();
          scene.simulation.sleep(TimeUnit.MILLISECONDS.toNanos(100));
          open[0] = false;
          long began = scene.simulation.nanoTime();

          node.close();

          assertThat(Duration.ofNanos(scene.simulation.nanoTime() - began))
              .isLessThanOrEqualTo(Duration.ofSeconds(18));
          assertThat(waiting[0]).isEqualTo(10);
          open[0] = true;
          scene.await(
              () ->
                  scene.postgres.leases.all().stream()
                      .allMatch(cell -> cell.committed.owner() == null));
        });
  }

  /** Whether the caller is a lane of a subscription. */
  private static boolean isThreadOf(String subscription) {
    return Thread.currentThread().getName().startsWith("eventstore-subscription-" + subscription);
  }

  private static SubscriptionSpec spec(
      String name, SubscriptionListener listener, EventHandler handler) {
    return new Simulation.Spec(
        name,
        EventQuery.all(),
        List.of(),
        Start.beginning(),
        10,
        1,
        FailurePolicy.stop(),
        LEASE,
        Duration.ofSeconds(10),
        listener,
        handler);
  }

  private static void play(Play play) throws Throwable {
    for (long seed = 1; seed <= 10; seed++) {
      SimulatedScheduler simulation =
          new SimulatedScheduler(seed, new Style(4, 0, 5_000), 1_000_000, 0);
      SimulatedScheduler.Node world = simulation.node("world");
      Scene scene =
          new Scene(simulation, world, new SimulatedPostgres(simulation, new Faults(0, 0), 0, 1.0));
      simulation.run(
          world,
          () -> {
            scene.postgres.start(TimeUnit.MILLISECONDS.toNanos(200));
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

  private record Scene(
      SimulatedScheduler simulation, SimulatedScheduler.Node world, SimulatedPostgres postgres) {

    SimulatedNode node(String name, UnaryOperator<Connections> pool) {
      return new SimulatedNode(postgres, simulation.node(name), pool);
    }

    void await(BooleanSupplier until) {
      simulation.block(until, simulation.after(MINUTE));
      assertThat(until.getAsBoolean()).isTrue();
    }

    void append() throws SQLException {
      Session session = postgres.connect(world);
      session.execute(
          true, in -> in.append(List.of(new Event(0, "a-1", 1, new UUID(0, 1), "x", 10, 0))));
      session.close();
    }

    /** A partition is taken by another owner and again by this one, which has not looked since. */
    void takeOver(String name, String owner) throws SQLException {
      Session session = postgres.connect(world);
      Key key = Key.of(name, 0);
      session.execute(
          true,
          in -> {
            var row = postgres.subscriptions.cell(key);
            row.lock(in);
            var taken = row.committed.with(changed -> changed.epoch += 2);
            row.write(in, taken);
            postgres
                .leases
                .cell(key)
                .write(in, new Lease(owner, taken.epoch, postgres.clock() + LEASE.toMillis()));
            return taken;
          });
      session.close();
    }
  }

  /** Connections that do something first. */
  private record Gate(Connections connections, Before before, boolean leases)
      implements Connections {

    Gate(Connections connections, Before before) {
      this(connections, before, false);
    }

    @Override
    public <T> T use(Work<T> work) throws SQLException {
      before.connecting(leases);
      return connections.use(work);
    }

    @Override
    public <T> T inTransaction(Work<T> work) throws SQLException {
      before.connecting(leases);
      return connections.inTransaction(work);
    }

    @Override
    public <T> T inTransactionRolledBack(Work<T> work) throws SQLException {
      before.connecting(leases);
      return connections.inTransactionRolledBack(work);
    }

    @Override
    public Connections within(Duration patience) {
      return new Gate(connections, before, true);
    }
  }

  private interface Before {

    /**
     * Before a connection is taken.
     *
     * @param leases whether for leases
     */
    void connecting(boolean leases) throws SQLException;
  }
}
