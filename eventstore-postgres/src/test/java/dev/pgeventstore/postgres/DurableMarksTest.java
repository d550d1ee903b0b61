package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Positions that were drawn are drawn again after a crash, if what the server wrote of them was not
 * flushed: those of transactions that were rolled back, since only commits flush. What was handed
 * out is not among them.
 */
class DurableMarksTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static PostgresServer server;

  @BeforeAll
  static void start() {
    // Nothing is flushed by itself for a while, so that the crash loses what was not.
    server = PostgresServer.start(Map.of("wal_writer_delay", "10s", "bgwriter_delay", "10s"));
    assumeTrue(server.canBeKilled(), "needs a server that was started here");
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void the_end_of_a_page_is_not_drawn_again_after_a_crash() throws Exception {
    outlivesACrash(store -> store.store.readPage(Position.START, 1_000).upTo());
  }

  @Test
  void the_high_water_mark_is_not_drawn_again_after_a_crash() throws Exception {
    outlivesACrash(store -> store.store.highWaterMark());
  }

  @Test
  void the_position_of_a_follower_is_not_drawn_again_after_a_crash() throws Exception {
    outlivesACrash(
        store -> {
          AtomicReference<Follower.Status> status = new AtomicReference<>();
          try (Follower follower =
              Subscriptions.of(store.store)
                  .follow(EventQuery.all())
                  .handler(events -> {})
                  .start()) {
            follower.awaitApplied(Position.of(101), PATIENCE);
            status.set(follower.status());
          }
          assertThat(status.get().highWaterMark()).isEqualTo(status.get().position());
          return status.get().position();
        });
  }

  /** What is handed out when 100 positions were drawn in vain, and nothing has flushed that. */
  private void outlivesACrash(HandingOut what) throws Exception {
    try (TestStore store = new TestStore(server.createDatabase())) {
      store.append("order-0");
      try (Connection vain = store.begin()) {
        for (int i = 1; i <= 100; i++) {
          store.append("order-" + i, vain);
        }
        vain.rollback();
      }

      Position handedOut = what.from(store);
      assertThat(handedOut).isEqualTo(Position.of(101));
      server.killHard();
      server.restart();

      AppendResult next = appendOnceUp(store);
      assertThat(next.position()).isGreaterThan(handedOut);
      assertThat(store.settledAfter(handedOut))
          .extracting(RecordedEvent::position)
          .isEqualTo(List.of(next.position()));
    }
  }

  private static AppendResult appendOnceUp(TestStore store) {
    AtomicReference<AppendResult> result = new AtomicReference<>();
    await()
        .atMost(PATIENCE)
        .ignoreExceptions()
        .until(
            () -> {
              result.set(store.append("order-next"));
              return true;
            });
    return result.get();
  }

  private interface HandingOut {
    Position from(TestStore store) throws InterruptedException, SQLException, Exception;
  }
}
