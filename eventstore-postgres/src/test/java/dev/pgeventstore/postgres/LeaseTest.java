package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.Lease;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a relay asks of the feed beside events: leases with notes, and how the order stands. */
@ExtendWith(PostgresExtension.class)
class LeaseTest {

  private static final Duration LONG = Duration.ofMinutes(5);
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private TestStore store;
  private EventFeed feed;

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
    feed = store.store.unwrap(EventFeed.class).orElseThrow();
  }

  @AfterEach
  void close() {
    store.close();
  }

  private Lease taken(String owner) {
    return feed.tryLease("relay", 0, owner, LONG).orElseThrow();
  }

  @Test
  void seizing_a_lease_takes_it_from_its_owner_and_affects_no_other_lease() {
    Lease mine = taken("me");

    Lease yours = feed.seizeLease("relay", 0, "you", LONG);

    assertThat(yours.epoch()).isEqualTo(mine.epoch() + 1);
    assertThat(mine.renew()).isFalse();
    assertThat(yours.renew()).isTrue();
    assertThat(feed.tryLease("relay", 0, "me", LONG)).isEmpty();
    mine.close();
    assertThat(yours.renew()).isTrue();
  }

  @Test
  void an_owner_that_seizes_its_own_lease_ends_its_earlier_tenure() {
    Lease before = taken("me");
    Lease after = feed.seizeLease("relay", 0, "me", LONG);

    assertThat(before.renew()).isFalse();
    assertThat(before.note(Map.of("a", "1"))).isFalse();
    assertThat(after.note(Map.of("a", "2"))).isTrue();
  }

  @Test
  void a_lease_that_was_never_taken_can_be_seized() {
    Lease mine = feed.seizeLease("relay", 3, "me", LONG);

    assertThat(mine.epoch()).isEqualTo(1);
    assertThat(mine.renew()).isTrue();
    assertThat(feed.tryLease("relay", 3, "you", LONG)).isEmpty();
  }

  @Test
  void notes_are_found_by_the_next_owner() {
    Lease mine = taken("me");
    assertThat(mine.notes()).isEmpty();
    assertThat(mine.note(Map.of("series", "relay~2", "paused", "yes"))).isTrue();
    Map<String, String> changes = new HashMap<>();
    changes.put("paused", null);
    changes.put("never was", null);
    changes.put("series", "relay~3");
    assertThat(mine.note(changes)).isTrue();
    assertThat(mine.note(Map.of())).isTrue();
    mine.close();

    assertThat(taken("you").notes()).containsExactly(Map.entry("series", "relay~3"));
    assertThat(feed.tryLease("relay", 1, "you", LONG).orElseThrow().notes()).isEmpty();
  }

  @Test
  void an_owner_that_has_lost_the_lease_writes_no_notes() {
    Lease mine = taken("me");
    assertThat(mine.note(Map.of("a", "1"))).isTrue();
    Lease yours = feed.seizeLease("relay", 0, "you", LONG);
    Map<String, String> changes = new HashMap<>(Map.of("b", "2"));
    changes.put("a", null);

    assertThat(mine.note(changes)).isFalse();

    assertThat(yours.notes()).containsExactly(Map.entry("a", "1"));
    yours.close();
    assertThat(yours.note(Map.of("b", "2"))).as("given back").isFalse();
  }

  @Test
  void all_notes_are_written_or_none() {
    Lease mine = taken("me");
    Map<String, String> changes = new HashMap<>(Map.of("b", "not \0 text"));
    changes.put("a", null);
    mine.note(Map.of("a", "1"));

    assertThatThrownBy(() -> mine.note(changes)).isInstanceOf(EventStoreException.class);

    assertThat(mine.notes()).containsExactly(Map.entry("a", "1"));
  }

  @Test
  void a_note_that_waited_for_a_takeover_is_not_written() throws Exception {
    Lease mine = taken("me");
    ExecutorService executor = Executors.newSingleThreadExecutor();
    try (Connection takeover = store.begin()) {
      TestStore.execute(takeover, "update eventstore.leases set owner = 'you', epoch = epoch + 1");
      Future<Boolean> noted = executor.submit(() -> mine.note(Map.of("a", "1")));
      awaitSomebodyWaiting("note_in_lease");
      takeover.commit();

      assertThat(noted.get(30, TimeUnit.SECONDS)).isFalse();
      assertThat(mine.notes()).isEmpty();
    } finally {
      executor.shutdownNow();
    }
  }

  @Test
  void a_takeover_waits_for_a_note_and_finds_it() throws Exception {
    taken("me");
    ExecutorService executor = Executors.newSingleThreadExecutor();
    try (Connection noting = store.begin()) {
      TestStore.query(
          noting, "select eventstore.note_in_lease('relay', 0, 'me', 1, array['a'], array['1'])");
      Future<Lease> seized = executor.submit(() -> feed.seizeLease("relay", 0, "you", LONG));
      awaitSomebodyWaiting("insert into");
      noting.commit();

      assertThat(seized.get(30, TimeUnit.SECONDS).notes()).containsOnlyKeys("a");
    } finally {
      executor.shutdownNow();
    }
  }

  @Test
  void a_note_is_replaced_only_by_its_owner_in_its_incarnation_and_from_its_current_text() {
    Lease mine = taken("me");
    String incarnation = feed.incarnation();
    assertThat(mine.replaceNote(incarnation, "a", "0", "1")).as("there is none").isFalse();
    assertThat(mine.replaceNote(incarnation, "a", null, "1")).isTrue();
    assertThat(mine.replaceNote(incarnation, "a", null, "2")).as("there is one").isFalse();
    assertThat(mine.replaceNote(incarnation, "a", "0", "2")).as("it is another").isFalse();
    assertThat(mine.replaceNote("another incarnation", "a", "1", "2")).isFalse();
    assertThat(mine.replaceNote(incarnation, "a", "1", "2")).isTrue();
    assertThat(mine.notes()).containsExactly(Map.entry("a", "2"));

    Lease yours = feed.seizeLease("relay", 0, "you", LONG);
    assertThat(mine.replaceNote(incarnation, "a", "2", "3")).isFalse();
    assertThat(mine.replaceNote(incarnation, "b", null, "3")).isFalse();
    assertThat(yours.notes()).containsExactly(Map.entry("a", "2"));
    yours.close();
    assertThat(yours.replaceNote(incarnation, "a", "2", "3")).as("given back").isFalse();
  }

  private void awaitSomebodyWaiting(String query) {
    await()
        .atMost(PATIENCE)
        .until(
            () ->
                "1"
                    .equals(
                        store.query(
                            "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                                + " and query like '%"
                                + query
                                + "%' and pid <> pg_backend_pid()"
                                + " and datname = current_database()")));
  }

  @Test
  void the_last_drawn_position_counts_what_was_never_committed() throws SQLException {
    assertThat(feed.lastDrawn()).isEqualTo(Position.START);
    store.append("order-1");
    assertThat(feed.lastDrawn()).isEqualTo(Position.of(1));
    try (Connection slow = store.begin()) {
      store.append("order-2", slow);
      assertThat(feed.lastDrawn()).isEqualTo(Position.of(2));
      slow.rollback();
    }
    assertThat(feed.lastDrawn()).isEqualTo(Position.of(2));
  }

  @Test
  void the_feed_names_transactions_that_hold_the_mark_back() throws SQLException {
    try (Connection slow = store.begin()) {
      store.append("order-1", slow);

      List<Blocker> blockers = feed.blockers(Duration.ZERO);

      assertThat(blockers).hasSize(1);
      assertThat(blockers.get(0).pid())
          .contains(Integer.valueOf(TestStore.query(slow, "select pg_backend_pid()")));
      assertThat(feed.blockers(Duration.ofHours(1))).isEmpty();
      slow.rollback();
    }
    assertThat(feed.blockers(Duration.ZERO)).isEmpty();
  }
}
