package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendLostException;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Waiting for appends over crashes and restarts of a server, which is one of its own. */
class LostAppendTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static PostgresServer server;

  @BeforeAll
  static void startServer() {
    // Nothing is flushed by itself for as long as can be, so that a crash loses commits.
    server = PostgresServer.start(Map.of("wal_writer_delay", "10s", "autovacuum", "off"));
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  private static Subscription start(TestStore in) {
    return Subscriptions.of(in.store).create("view").partitions(2).handler(batch -> {}).start();
  }

  private static Follower follow(TestStore in) {
    return Subscriptions.of(in.store)
        .follow(EventQuery.all())
        .load(() -> Position.START)
        .handler(events -> {})
        .start();
  }

  private static Append append(String first, String second) {
    return Append.to(
            StreamId.parse(first), ExpectedVersion.any(), List.of(TestStore.raw("happened")))
        .and(StreamId.parse(second), ExpectedVersion.any(), List.of(TestStore.raw("happened")));
  }

  private static AppendResult eventually(TestStore in, String stream) {
    return await()
        .atMost(PATIENCE)
        .ignoreExceptions()
        .until(() -> in.append(stream), Objects::nonNull);
  }

  @Tag("faults")
  @Test
  void an_append_lost_by_a_crash_is_reported_as_lost_when_its_position_is_passed_again()
      throws Exception {
    assumeTrue(server.canBeKilled(), "needs a server that was started here");
    try (TestStore store = new TestStore(server.createDatabase());
        TestStore other = new TestStore(store.database);
        TestStore third = new TestStore(store.database)) {
      AppendResult kept = store.store.append(append("kept-1", "kept-2"));
      AppendResult truncated = store.store.append(append("gone-1", "gone-2"));
      AppendResult shortened = store.append("gone-1");
      try (Subscription here = start(store);
          Subscription there = start(other);
          Subscription nothing = start(third);
          Follower follower = follow(store)) {
        for (Subscription node : List.of(here, there, nothing)) {
          node.awaitApplied(kept, PATIENCE);
        }
        follower.awaitApplied(kept, PATIENCE);
        // Truncated and purged: what is left of the first events is their ids.
        Eraser eraser = Eraser.of(store.pool, "eventstore");
        eraser.truncateBefore(StreamId.parse("gone-1"), 2);
        eraser.purge(StreamId.parse("gone-1"));
        eraser.tombstone(StreamId.parse("gone-2"));
        eraser.purge(StreamId.parse("gone-2"));
        List<AppendResult> lost = loseAppends(store);
        AppendResult next = eventually(store, "next-0");
        // Until the positions of all that was lost are used again.
        for (int i = 0; !next.position().isAfter(lost.get(lost.size() - 1).position()); i++) {
          next = store.append("next-" + i);
        }

        for (Subscription node : List.of(here, there, nothing)) {
          node.awaitApplied(next.position(), PATIENCE);
          node.awaitApplied(next, PATIENCE);
          node.awaitApplied(kept, PATIENCE);
          node.awaitApplied(truncated, PATIENCE);
          node.awaitApplied(shortened, PATIENCE);
          for (AppendResult one : lost.subList(0, 3)) {
            assertThatThrownBy(() -> node.awaitApplied(one, PATIENCE))
                .isInstanceOf(AppendLostException.class)
                .hasMessageContaining("decide again")
                .extracting(e -> ((AppendLostException) e).append())
                .isEqualTo(one);
          }
        }
        follower.awaitApplied(next, PATIENCE);
        follower.awaitApplied(kept, PATIENCE);
        follower.awaitApplied(truncated, PATIENCE);
        assertThatThrownBy(() -> follower.awaitApplied(lost.get(0), PATIENCE))
            .isInstanceOf(AppendLostException.class);
      }
    }
  }

  /** Appends to one stream and to two that are committed, and do not come to the disk. */
  private static List<AppendResult> loseAppends(TestStore store) throws SQLException {
    // In rare cases, the server itself may flush them nevertheless.
    for (int attempt = 0; attempt < 5; attempt++) {
      String streams = "lost-" + attempt;
      List<AppendResult> lost;
      try (Connection holding = store.begin()) {
        // The nodes that handle them would commit, and with that flush them.
        TestStore.execute(holding, "lock table eventstore.subscriptions in exclusive mode");
        lost = appendWithoutFlush(store, streams);
        server.killHard();
      }
      server.restart();
      String left =
          await()
              .atMost(PATIENCE)
              .ignoreExceptions()
              .until(
                  () ->
                      store.query(
                          "select count(*) from eventstore.events where stream_id like '%s%%'"
                              .formatted(streams)),
                  Objects::nonNull);
      if (left.equals("0")) {
        return lost;
      }
    }
    throw new AssertionError("the appends came to the disk, five times");
  }

  private static List<AppendResult> appendWithoutFlush(TestStore store, String streams)
      throws SQLException {
    List<AppendResult> appends = new ArrayList<>();
    try (Connection careless = store.database.open()) {
      TestStore.execute(careless, "set synchronous_commit = off");
      careless.setAutoCommit(false);
      for (int i = 0; i < 40; i++) {
        String stream = streams + "x" + i;
        appends.add(
            i % 2 == 0
                ? store.append(stream, careless)
                : store.store.within(careless).append(append(stream, "kept-1")));
      }
      careless.commit();
    }
    return appends;
  }

  @Test
  void across_a_clean_restart_nothing_is_lost_and_waiting_ends() throws Exception {
    assumeTrue(server.canBeKilled(), "needs a server that was started here");
    try (TestStore store = new TestStore(server.createDatabase());
        TestStore other = new TestStore(store.database);
        Subscription here = start(store);
        Subscription there = start(other);
        Follower follower = follow(store)) {
      AppendResult unknown = store.append("order-1");
      here.awaitApplied(unknown, PATIENCE);
      AppendResult before = store.store.append(append("order-1", "order-2"));
      server.restart();

      here.awaitApplied(before.position(), PATIENCE);
      there.awaitApplied(before.position(), PATIENCE);
      follower.awaitApplied(before.position(), PATIENCE);
      here.awaitApplied(before, PATIENCE);
      there.awaitApplied(before, PATIENCE);
      there.awaitApplied(unknown, PATIENCE);
      follower.awaitApplied(before, PATIENCE);
      AppendResult after = eventually(store, "order-3");
      here.awaitApplied(after, PATIENCE);
      follower.awaitApplied(after, PATIENCE);
    }
  }
}
