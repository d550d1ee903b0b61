package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Nodes that share a subscription, are killed and paused, come and go. */
@ExtendWith(PostgresExtension.class)
@Order(1)
class SubscriptionNodesTest {

  private static final Duration PATIENCE = LedgerScene.PATIENCE;
  private static final NodeSettings ONE = NodeSettings.of("one");
  private static final NodeSettings TWO = NodeSettings.of("two");
  private static final NodeSettings THREE = NodeSettings.of("three");

  @Tag("faults")
  @Test
  void an_uncommitted_batch_of_a_killed_process_is_handled_once_by_the_next(Database database)
      throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      scene.appendMany(5, 3);
      AppendResult held = scene.append("s1", Ledger.HELD_AFTER);
      AppendResult last = scene.appendMany(5, 3);
      SubscriptionNode one = scene.process(ONE);
      one.awaitLine("HOLDING " + held.position());
      one.kill();
      assertThat(scene.handledBy("one")).as("committed by one").isLessThanOrEqualTo(5);

      LocalNode two = scene.local(TWO);
      two.ledger.letGo();
      scene.awaitHandled(last);
      scene.check(1);
    }
  }

  @Tag("faults")
  @Test
  void another_node_takes_over_from_one_that_was_killed(Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      LedgerScene.Load load = scene.load(10);
      SubscriptionNode one = scene.process(ONE);
      scene.awaitHandledBy("one", 10);
      scene.local(TWO);
      load.awaitMore(20);
      one.kill();
      long killed = System.nanoTime();
      scene.awaitHandledBy("two", 1);
      System.out.printf(
          "taken over %d ms after the kill, with a lease of %d ms%n",
          TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - killed), ONE.leaseMillis());
      scene.awaitHandled(load.stop());
      scene.check(1);
    }
  }

  @Test
  void a_node_that_is_closed_hands_over_without_its_lease_being_waited_for(Database database)
      throws Exception {
    // Far longer than anything here may last.
    int hour = (int) Duration.ofHours(1).toMillis();
    try (LedgerScene scene = LedgerScene.of(database)) {
      LedgerScene.Load load = scene.load(10);
      LocalNode one = scene.local(ONE.withLease(hour).withPartitions(2));
      scene.awaitHandledBy("one", 10);
      scene.local(TWO.withLease(hour).withPartitions(2));
      load.awaitMore(20);
      one.close();
      long closed = System.nanoTime();
      scene.awaitHandledBy("two", 1);
      System.out.printf(
          "taken over %d ms after closing%n",
          TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - closed));
      scene.awaitHandled(load.stop());
      scene.check(2);
    }
  }

  /**
   * With keys the one that stood still meets the rows of the other, or the other way round; without
   * them nothing but its commit tells it that it has lost its lease.
   */
  @Tag("faults")
  @ParameterizedTest
  @CsvSource({
    "false, held-before, 0, false",
    "false, held-after, 0, false",
    "true, held-before, 0, false",
    "true, held-before, 1, true",
    "true, held-after, 1, true"
  })
  void a_node_that_was_stopped_for_longer_than_its_lease_is_refused(
      boolean keys, String type, int retries, boolean parks, Database database) throws Exception {
    try (LedgerScene scene = keys ? LedgerScene.of(database) : LedgerScene.withoutKeys(database)) {
      AppendResult held = scene.append("s1", type);
      AppendResult last = scene.appendMany(5, 3);
      NodeSettings how = parks ? ONE.thatParksAfter(retries) : ONE.thatStopsAfter(retries);
      SubscriptionNode one = scene.process(how);
      one.awaitLine("HOLDING " + held.position());
      one.pause();

      LocalNode two = scene.local(how.named("two"));
      two.ledger.letGo();
      await().atMost(PATIENCE).until(() -> !two.lines("TAKEN").isEmpty());
      boolean twoMeetsRowsOfOne = keys && type.equals(Ledger.HELD_AFTER);
      if (!twoMeetsRowsOfOne) {
        scene.awaitHandled(last);
      }
      one.resume();
      one.letGo();
      one.awaitLine("LOST 0");
      scene.awaitHandled(scene.appendMany(5, 3));

      scene.check(1);
      assertThat(scene.parked()).isZero();
      assertThat(scene.handledBy("one")).isZero();
      assertThat(two.subscription.status().state()).isEqualTo(State.RUNNING);
      assertThat(one.status()).containsEntry("state", "WAITING");
    }
  }

  @Test
  void a_handler_that_takes_longer_than_the_lease_keeps_it(Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.withoutKeys(database)) {
      AppendResult held = scene.append("s1", Ledger.HELD_AFTER);
      LocalNode one = scene.local(ONE);
      await().atMost(PATIENCE).until(() -> !one.lines("HOLDING " + held.position()).isEmpty());
      LocalNode two = scene.local(TWO);
      // It would have been lost by then.
      Thread.sleep(3L * ONE.leaseMillis());
      assertThat(two.lines("TAKEN")).isEmpty();
      assertThat(one.lines("LOST")).isEmpty();
      one.ledger.letGo();
      scene.awaitHandled(held);
      assertThat(scene.handledBy("one")).isEqualTo(1);
      scene.check(1);
    }
  }

  @Tag("faults")
  @Test
  void nodes_that_come_and_go_share_the_partitions(Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      LedgerScene.Load load = scene.load(40);
      LocalNode one = scene.local(ONE.withPartitions(4));
      scene.awaitHandledBy("one", 10);
      awaitShares(one, 4L);

      SubscriptionNode two = scene.process(TWO.withPartitions(4));
      awaitShares(one, 2L, 2L);
      scene.awaitHandledBy("two", 10);
      scene.awaitHandledBy("one", 10);

      SubscriptionNode three = scene.process(THREE.withPartitions(4));
      awaitShares(one, 1L, 1L, 2L);
      scene.awaitHandledBy("three", 10);

      two.kill();
      three.closeOrderly();
      awaitShares(one, 4L);
      scene.awaitHandled(load.stop());
      scene.check(4);
    }
  }

  private static void awaitShares(LocalNode node, Long... shares) {
    await()
        .atMost(PATIENCE)
        .ignoreExceptions()
        .untilAsserted(() -> assertThat(node.shares()).containsExactly(shares));
  }

  @Tag("faults")
  @Test
  void all_nodes_go_on_after_a_crash_of_the_server() throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (LedgerScene scene = LedgerScene.of(server.createDatabase())) {
        LedgerScene.Load load = scene.load(40);
        LocalNode one = scene.local(ONE.withPartitions(4));
        LocalNode two = scene.local(TWO.withPartitions(4));
        scene.awaitHandledBy("one", 50);
        scene.awaitHandledBy("two", 50);
        server.killHard();
        server.restart();
        load.awaitMore(100);
        scene.awaitHandledBy("one", 10);
        scene.awaitHandledBy("two", 10);
        scene.awaitHandled(load.stop());
        scene.check(4);
        assertThat(one.subscription.status().state()).isEqualTo(State.RUNNING);
        assertThat(two.subscription.status().state()).isEqualTo(State.RUNNING);
      }
    }
  }

  @Tag("faults")
  @Test
  void every_connection_of_a_node_may_be_cut(Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      LedgerScene.Load load = scene.load(10);
      LocalNode one = scene.local(ONE.withPartitions(2));
      scene.awaitHandledBy("one", 10);
      Set<String> purposes = new HashSet<>();
      for (int round = 0; round < 6; round++) {
        for (String pid : connectionsOf(scene, "one")) {
          purposes.add(
              scene.store.query(
                  "select coalesce(max(substring(query, 1, 12)), '') from pg_stat_activity where"
                      + " pid = "
                      + pid));
          scene.store.query("select pg_terminate_backend(" + pid + ")");
          scene.awaitHandledBy("one", 1);
        }
      }
      System.out.println("cut: " + purposes);
      scene.awaitHandled(load.stop());
      scene.check(2);
      assertThat(one.subscription.status().state()).isEqualTo(State.RUNNING);
      assertThat(one.lines("STOPPED")).isEmpty();
    }
  }

  @Tag("faults")
  @Test
  void a_connection_that_is_cut_under_the_handler_is_not_the_fault_of_its_event(Database database)
      throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      LocalNode one = scene.local(ONE.thatStopsAfter(0));
      AppendResult held = scene.append("s1", Ledger.HELD_AFTER);
      await().atMost(PATIENCE).until(() -> !one.lines("HOLDING").isEmpty());
      String cut =
          scene.store.query(
              """
              select count(pg_terminate_backend(pid)) from pg_stat_activity
               where application_name = 'one' and state = 'idle in transaction'
                 and datname = current_database()
              """);
      assertThat(cut).isEqualTo("1");
      one.ledger.letGo();
      await().atMost(PATIENCE).until(() -> one.lines("HOLDING").size() == 2);
      one.ledger.letGo();
      scene.awaitHandled(held);
      scene.check(1);
    }
  }

  private static List<String> connectionsOf(LedgerScene scene, String node) throws Exception {
    List<String> pids = new ArrayList<>();
    try (Connection connection = scene.database.open();
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "select pid from pg_stat_activity where datname = current_database() and application_name = '%s'"
                    .formatted(node))) {
      while (row.next()) {
        pids.add(row.getString(1));
      }
    }
    return pids;
  }

  @Test
  void pages_without_a_wanted_event_move_every_checkpoint_but_never_beyond_the_mark(
      Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      LocalNode one = scene.local(ONE.withPartitions(4).withFilter().withBatch(50));
      AppendResult before = noise(scene, 300);
      // Else the stranger may be seen for the first time later than they, and holds them back too.
      await().atMost(PATIENCE).until(() -> scene.position().value() >= before.position().value());
      try (Connection stranger = scene.store.begin()) {
        AppendResult open = scene.store.append(Ledger.CATEGORY + "-late", stranger);
        AppendResult behind = noise(scene, 300);
        AtomicLong farthest = new AtomicLong();
        await()
            .atMost(PATIENCE)
            .pollInterval(Duration.ofMillis(5))
            .until(
                () -> {
                  farthest.accumulateAndGet(farthest(scene), Math::max);
                  return scene.position().value() + 1 >= open.position().value();
                });
        // A reader that would wrongly pass gets the time to do so.
        for (int i = 0; i < 50; i++) {
          farthest.accumulateAndGet(farthest(scene), Math::max);
          Thread.sleep(10);
        }
        assertThat(farthest.get()).isLessThan(open.position().value());
        stranger.commit();
        scene.awaitHandled(behind);
      }
      assertThat(scene.handledBy("one")).isEqualTo(1);
      scene.check(4, true);
      assertThat(one.lines("FAILED")).isEmpty();
    }
  }

  private static AppendResult noise(LedgerScene scene, int events) {
    AppendResult last = null;
    for (int i = 0; i < events; i++) {
      last = scene.store.append("noise-" + i % 20);
    }
    return last;
  }

  private static long farthest(LedgerScene scene) throws Exception {
    return Long.parseLong(scene.store.query("select max(position) from eventstore.subscriptions"));
  }

  @Test
  void catching_up_under_load_turns_into_following(Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      scene.appendBacklog(40, 80);
      LedgerScene.Load load = scene.load(40);
      LocalNode one = scene.local(ONE.withPartitions(3).withBatch(100).thatDawdles(2_000));
      for (int partition = 0; partition < 3; partition++) {
        String caughtUp = "CAUGHT UP " + partition;
        await().atMost(PATIENCE).until(() -> !one.lines(caughtUp).isEmpty());
      }
      load.awaitMore(300);
      scene.awaitHandled(load.stop());
      scene.check(3);
    }
  }
}
