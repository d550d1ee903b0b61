package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.CheckpointsTable;
import dev.pgeventstore.postgres.internal.tables.LeaseKey;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.EventParkedException;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.ParkedEvents.Replay;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionListener.Applied;
import dev.pgeventstore.subscription.SubscriptionListener.LeaseEnded;
import dev.pgeventstore.subscription.SubscriptionListener.LeaseTaken;
import dev.pgeventstore.subscription.SubscriptionListener.Parked;
import dev.pgeventstore.subscription.SubscriptionListener.Place;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class PartitionsTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final FailurePolicy PARK =
      FailurePolicy.retry(2).backOff(Duration.ofMillis(1), Duration.ofMillis(1)).thenPark();

  private TestStore store;

  @BeforeEach
  void open(Database database) throws SQLException {
    store = new TestStore(database);
    // The number says in which order they were handled; an event handled twice breaks the key.
    store.execute(
        "create table public.handled"
            + " (position bigint primary key, stream text, number bigserial)");
  }

  @AfterEach
  void close() {
    store.close();
  }

  private static Subscriptions.Builder subscription(TestStore in, int partitions) {
    return Subscriptions.of(in.store)
        .create("view")
        .partitions(partitions)
        .batchSize(10)
        .leaseTime(Duration.ofSeconds(2))
        .handler(batch -> write(batch.events(), batch.connection()));
  }

  private static void write(List<RecordedEvent> events, Connection connection) throws SQLException {
    try (PreparedStatement insert =
        connection.prepareStatement(
            "insert into public.handled (position, stream) values (?, ?)")) {
      for (RecordedEvent event : events) {
        insert.setLong(1, event.position().value());
        insert.setString(2, event.stream().toString());
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  /** Appends to streams in turns; the result of the last for each. */
  private List<AppendResult> appendTo(int streams, int events) {
    AppendResult[] last = new AppendResult[streams];
    for (int i = 0; i < events; i++) {
      last[i % streams] = append("order-" + i % streams, "happened");
    }
    return List.of(last);
  }

  private AppendResult append(String stream, String type) {
    return store.store.append(
        StreamId.parse(stream), ExpectedVersion.any(), List.of(TestStore.raw(type)));
  }

  private void awaitAll(Subscription view, List<AppendResult> results) throws Exception {
    for (AppendResult result : results) {
      view.awaitApplied(result, PATIENCE);
    }
  }

  private void assertEachOnceAndInOrderOfItsStream() throws SQLException {
    assertThat(
            store.query(
                "select count(*) from eventstore.events e full join public.handled h"
                    + " using (position) where e.position is null or h.position is null"))
        .as("events that were not handled")
        .isEqualTo("0");
    assertThat(
            store.query(
                "select count(*) from (select position, lag(position) over"
                    + " (partition by stream order by number) as before from public.handled) as p"
                    + " where position < before"))
        .as("events out of the order of their stream")
        .isEqualTo("0");
  }

  @Test
  void partitions_share_the_events_by_their_streams() throws Exception {
    List<AppendResult> last = appendTo(20, 200);
    try (Subscription view = subscription(store, 4).start()) {
      awaitAll(view, last);
      awaitAll(view, appendTo(20, 100));

      SubscriptionStatus status = view.status();
      assertThat(status.partitions()).hasSize(4).allMatch(p -> p.state() == State.RUNNING);
      assertThat(status.isHealthy()).as(status.toString()).isTrue();
      await().atMost(PATIENCE).until(() -> view.status().lag() == 0);
    }
    assertEachOnceAndInOrderOfItsStream();
  }

  @Test
  void nodes_share_the_partitions_and_take_over_from_each_other() throws Exception {
    Set<String> nodes = ConcurrentHashMap.newKeySet();
    try (TestStore second = new TestStore(store.database);
        TestStore third = new TestStore(store.database);
        Subscription one = subscription(store, 4).start()) {
      awaitAll(one, appendTo(20, 100));
      try (Subscription two = subscription(second, 4).start();
          Subscription three = subscription(third, 4).start()) {
        await()
            .atMost(PATIENCE)
            .untilAsserted(
                () -> {
                  nodes.clear();
                  one.status().partitions().forEach(p -> p.owner().ifPresent(nodes::add));
                  assertThat(nodes).hasSize(3);
                });
        awaitAll(three, appendTo(20, 100));
        awaitAll(one, appendTo(20, 100));
      }
      awaitAll(one, appendTo(20, 100));
      await()
          .atMost(PATIENCE)
          .untilAsserted(
              () ->
                  assertThat(one.status().partitions())
                      .allMatch(p -> p.state() == State.RUNNING)
                      .extracting(SubscriptionStatus.Partition::owner)
                      .containsOnly(one.status().partitions().get(0).owner()));
    }
    assertEachOnceAndInOrderOfItsStream();
  }

  @Test
  void the_number_of_partitions_can_be_changed_while_events_come() throws Exception {
    awaitAllWith(4);
    awaitAllWith(3);
    awaitAllWith(8);
    awaitAllWith(1);
    try (TestStore second = new TestStore(store.database);
        Subscription one = subscription(store, 1).start()) {
      appendTo(20, 200);
      // While another node runs with the old number.
      try (Subscription two = subscription(second, 5).start()) {
        awaitAll(two, appendTo(20, 200));
        await().atMost(PATIENCE).until(() -> one.status().partitions().size() == 5);
        awaitAll(one, appendTo(20, 100));
      }
    }
    assertEachOnceAndInOrderOfItsStream();
  }

  private void awaitAllWith(int partitions) throws Exception {
    appendTo(20, 60);
    try (Subscription view = subscription(store, partitions).start()) {
      awaitAll(view, appendTo(20, 60));
      assertThat(view.status().partitions()).hasSize(partitions);
    }
  }

  /** Fails for events of one type, until the test repairs it. */
  private static final class Picky implements EventHandler {
    private volatile boolean good;

    @Override
    public void handle(EventBatch batch) throws Exception {
      write(batch.events(), batch.connection());
      if (!good && batch.events().stream().anyMatch(event -> event.type().equals("poison"))) {
        throw new IllegalArgumentException("poison");
      }
    }
  }

  @Test
  void a_poison_event_and_the_later_ones_of_its_stream_are_parked_and_other_streams_continue()
      throws Exception {
    Picky handler = new Picky();
    List<ParkedEvent> told = new CopyOnWriteArrayList<>();
    append("order-1", "happened");
    append("order-2", "poison");
    append("order-1", "happened");
    append("order-2", "happened");
    try (Subscription view =
        subscription(store, 2)
            .onFailure(PARK)
            .listener(
                new SubscriptionListener() {
                  @Override
                  public void parked(Parked parked) {
                    told.add(parked.event());
                  }
                })
            .handler(handler)
            .start()) {
      view.awaitApplied(append("order-1", "happened"), PATIENCE);
      AppendResult behind = append("order-2", "happened");
      assertThatThrownBy(() -> view.awaitApplied(behind, PATIENCE))
          .isInstanceOf(EventParkedException.class);

      assertThat(store.query("select string_agg(position::text, ' ' order by number) from handled"))
          .isEqualTo("1 3 5");
      List<ParkedEvent> parked = view.parked().list(10);
      assertThat(parked)
          .extracting(e -> e.position().value(), ParkedEvent::attempts)
          .containsExactly(
              org.assertj.core.groups.Tuple.tuple(2L, 2),
              org.assertj.core.groups.Tuple.tuple(4L, 0),
              org.assertj.core.groups.Tuple.tuple(6L, 0));
      assertThat(parked.get(0).error().orElseThrow()).contains("poison");
      assertThat(told).extracting(e -> e.position().value()).containsExactly(2L, 4L, 6L);
      assertThat(view.status().parked()).isEqualTo(3);

      Replay again = view.parked().replay();
      assertThat(again.handled()).isZero();
      assertThat(again.failed()).singleElement().matches(e -> e.attempts() == 3);

      handler.good = true;
      assertAllHandled(view.parked().replay(), 3);
      view.awaitApplied(append("order-2", "poison"), PATIENCE);
      assertThat(view.parked().count()).isZero();
    }
    assertEachOnceAndInOrderOfItsStream();
  }

  @Test
  void a_discarded_event_is_recorded_and_ends_the_parking_of_its_stream() throws Exception {
    append("order-1", "poison");
    try (Subscription view = subscription(store, 1).onFailure(PARK).handler(new Picky()).start()) {
      AppendResult behind = append("order-1", "happened");
      assertThatThrownBy(() -> view.awaitApplied(behind, PATIENCE))
          .isInstanceOf(EventParkedException.class);
      ParkedEvent poison = view.parked().list(10).get(0);

      assertThatThrownBy(() -> view.parked().discard(poison.position(), " "))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(view.parked().discard(poison.position(), "a test order")).isTrue();
      assertThat(view.parked().discard(poison.position(), "again")).isFalse();
      assertAllHandled(view.parked().replay(poison.stream()), 1);
      view.awaitApplied(append("order-1", "happened"), PATIENCE);
    }
    assertThat(store.query("select string_agg(position::text, ' ' order by number) from handled"))
        .isEqualTo("2 3");
    assertThat(
            store.query(
                "select stream_id || ' ' || version || ' ' || reason || ' ' || (by = session_user)"
                    + " from eventstore.discarded_events"))
        .isEqualTo("order-1 1 a test order true");
  }

  @Test
  void two_concurrent_replays_handle_each_event_once_while_more_are_parked() throws Exception {
    Picky handler = new Picky();
    append("order-1", "poison");
    try (TestStore other = new TestStore(store.database);
        Subscription view = subscription(store, 1).onFailure(PARK).handler(handler).start();
        Subscription twin = subscription(other, 1).onFailure(PARK).handler(handler).start()) {
      await().atMost(PATIENCE).until(() -> view.parked().count() > 0);
      for (int i = 0; i < 50; i++) {
        append("order-1", "happened");
      }
      handler.good = true;
      List<Thread> replaying = new ArrayList<>();
      for (Subscription one : List.of(view, twin)) {
        Thread thread = new Thread(() -> one.parked().replay());
        thread.start();
        replaying.add(thread);
      }
      AppendResult last = null;
      for (int i = 0; i < 50; i++) {
        last = append("order-1", "happened");
      }
      for (Thread thread : replaying) {
        thread.join(30_000);
      }
      Position passed = last.position();
      await().atMost(PATIENCE).until(() -> !passed.isAfter(view.status().position()));
      view.parked().replay();
      assertThat(view.parked().count()).isZero();
    }
    assertEachOnceAndInOrderOfItsStream();
  }

  @Test
  void a_stopped_subscription_is_stopped_on_all_nodes_and_can_be_started_again() throws Exception {
    Picky handler = new Picky();
    try (TestStore second = new TestStore(store.database);
        Subscription one = subscription(store, 2).onFailure(FailurePolicy.stop()).start();
        Subscription two =
            subscription(second, 2).onFailure(FailurePolicy.stop()).handler(handler).start()) {
      await()
          .atMost(PATIENCE)
          .until(
              () ->
                  one.status().partitions().stream()
                          .map(SubscriptionStatus.Partition::owner)
                          .distinct()
                          .count()
                      == 2);
      for (int i = 0; i < 10; i++) {
        append("order-" + i, "poison");
      }
      await().atMost(PATIENCE).until(() -> two.status().state() == State.FAILED);
      await().atMost(PATIENCE).until(() -> one.status().state() == State.FAILED);
      assertThat(one.status().isHealthy()).isFalse();
      assertThat(one.status().complaint().orElseThrow()).contains("poison");
    }
    handler.good = true;
    try (Subscription view = subscription(store, 2).handler(handler).start()) {
      awaitAll(view, appendTo(10, 10));
      assertThat(view.status().isHealthy()).isTrue();
    }
    assertEachOnceAndInOrderOfItsStream();
  }

  @Test
  void a_subscription_can_start_at_a_time() throws Exception {
    appendTo(2, 4);
    Instant then =
        Instant.parse(
            store.query(
                "select to_char(clock_timestamp() at time zone 'UTC',"
                    + " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"));
    try (Subscription view = subscription(store, 1).startAt(Start.at(then)).start()) {
      awaitAll(view, appendTo(2, 4));
    }
    assertThat(store.query("select string_agg(position::text, ' ' order by number) from handled"))
        .isEqualTo("5 6 7 8");
  }

  @Test
  void a_time_that_no_event_can_have_is_the_beginning_or_the_end() throws Exception {
    appendTo(1, 2);
    try (Subscription late = subscription(store, 1).startAt(Start.at(Instant.MAX)).start()) {
      awaitAll(late, appendTo(1, 1));
    }
    assertThat(store.query("select string_agg(position::text, ' ' order by number) from handled"))
        .isEqualTo("3");
    store.execute(
        "truncate public.handled; delete from eventstore.subscriptions; delete from eventstore.leases");
    try (Subscription early = subscription(store, 1).startAt(Start.at(Instant.MIN)).start()) {
      awaitAll(early, appendTo(1, 1));
    }
    assertThat(store.query("select string_agg(position::text, ' ' order by number) from handled"))
        .isEqualTo("1 2 3 4");
  }

  @Test
  void a_reason_that_cannot_be_stored_discards_nothing() throws Exception {
    AppendResult poison = append("order-1", "poison");
    try (Subscription view = subscription(store, 1).onFailure(PARK).handler(new Picky()).start()) {
      await().atMost(PATIENCE).until(() -> view.parked().count() == 1);
      for (String bad : List.of(" ", "a\0b", "\ud83d")) {
        assertThatThrownBy(() -> view.parked().discard(poison.position(), bad))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("reason");
      }
      assertThat(view.parked().count()).isEqualTo(1);
      assertThat(view.parked().discard(poison.position(), "a \ud83d\ude00")).isTrue();
    }
  }

  @Test
  void a_position_is_read_in_the_same_snapshot_as_the_view() throws Exception {
    try (Subscription view = subscription(store, 1).start()) {
      view.awaitApplied(append("order-1", "happened"), PATIENCE);
      try (Connection snapshot = store.database.open()) {
        snapshot.setAutoCommit(false);
        snapshot.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        assertThat(TestStore.query(snapshot, "select max(position) from public.handled"))
            .isEqualTo("1");
        view.awaitApplied(append("order-1", "happened"), PATIENCE);
        assertThat(Subscriptions.of(store.store).position("view", snapshot).value()).isEqualTo(1);
        snapshot.rollback();
      }
    }
  }

  @Test
  void a_process_that_freezes_before_its_commit_keeps_its_partition_no_longer_than_its_lease()
      throws Exception {
    subscription(store, 1).start().close();
    store.execute(
        "update eventstore.leases set owner = 'frozen', epoch = 7, lease_until = clock_timestamp();"
            + " update eventstore.subscriptions set owner = 'frozen', epoch = 7");
    AppendResult last = append("order-1", "happened");
    try (Connection frozen = store.begin()) {
      CheckpointsTable table = new CheckpointsTable(new Schema("eventstore"));
      assertThat(
              table.advance(
                  frozen,
                  new Tenure(new LeaseKey("view", 0), "frozen", 7),
                  0,
                  1,
                  store.query("select eventstore.incarnation()"),
                  Duration.ofSeconds(1)))
          .isTrue();

      try (Subscription view = subscription(store, 1).start()) {
        view.awaitApplied(last, PATIENCE);
      }
      assertThatThrownBy(frozen::commit).isInstanceOf(SQLException.class);
    }
    assertEachOnceAndInOrderOfItsStream();
  }

  @Test
  void batches_leases_and_catching_up_are_reported_to_the_listener() throws Exception {
    AtomicInteger handled = new AtomicInteger();
    List<String> heard = new CopyOnWriteArrayList<>();
    SubscriptionListener listener =
        new SubscriptionListener() {
          @Override
          public void applied(Applied batch) {
            handled.addAndGet(batch.events().size());
            throw new IllegalStateException("what a listener throws changes nothing");
          }

          @Override
          public void leaseTaken(LeaseTaken lease) {
            heard.add("taken " + lease.partition() + " " + lease.epoch());
          }

          @Override
          public void leaseEnded(LeaseEnded lease) {
            heard.add("ended " + lease.partition() + " " + lease.lost());
          }

          @Override
          public void caughtUp(Place place) {
            heard.add("caught up");
          }
        };
    List<AppendResult> last = appendTo(5, 35);
    try (Subscription view = subscription(store, 1).listener(listener).start()) {
      awaitAll(view, last);
      await().atMost(PATIENCE).until(() -> heard.contains("caught up"));
    }
    assertThat(handled).hasValue(35);
    assertThat(heard).containsExactly("taken 0 1", "caught up", "ended 0 false");
  }

  private static void assertAllHandled(Replay replay, int events) {
    assertThat(replay.handled()).isEqualTo(events);
    assertThat(replay.failed()).isEmpty();
  }
}
