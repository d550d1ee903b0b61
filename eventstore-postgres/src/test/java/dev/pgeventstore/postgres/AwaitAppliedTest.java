package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendLostException;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.subscription.EventDiscardedException;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.EventParkedException;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Waiting for an append ends when it was applied, and reports when it was not. */
@ExtendWith(PostgresExtension.class)
class AwaitAppliedTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private TestStore store;
  private TestStore other;
  private volatile boolean mended;

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
    other = new TestStore(database);
  }

  @AfterEach
  void close() {
    other.close();
    store.close();
  }

  private static AppendResult append(TestStore in, String stream, String... types) {
    return in.store.append(
        StreamId.parse(stream),
        ExpectedVersion.any(),
        List.of(types).stream().map(TestStore::raw).toList());
  }

  private Subscription start(TestStore in) {
    EventHandler picky =
        batch -> {
          if (!mended && batch.events().stream().anyMatch(event -> event.type().equals("poison"))) {
            throw new IllegalStateException("poison");
          }
        };
    return Subscriptions.of(in.store)
        .create("view")
        .onFailure(
            FailurePolicy.retry(2).backOff(Duration.ofMillis(1), Duration.ofMillis(1)).thenPark())
        .handler(picky)
        .start();
  }

  @Test
  void an_append_whose_event_is_parked_is_reported_with_stream_version_position_and_error()
      throws Exception {
    try (Subscription view = start(store);
        Subscription elsewhere = start(other)) {
      AppendResult fine = append(store, "order-1", "happened");
      AppendResult poisoned = append(store, "order-2", "happened", "poison", "happened");
      AppendResult behind = append(store, "order-2", "happened");
      AppendResult beside = append(store, "order-3", "happened");

      for (Subscription node : List.of(view, elsewhere)) {
        node.awaitApplied(fine, PATIENCE);
        node.awaitApplied(beside, PATIENCE);
        EventParkedException told =
            catchThrowableOfType(
                EventParkedException.class, () -> node.awaitApplied(poisoned, PATIENCE));
        assertThat(told)
            .hasMessageContaining("version 2 of stream order-2, at position 3")
            .hasMessageContaining("poison");
        assertThat(told.event().stream()).isEqualTo(StreamId.parse("order-2"));
        assertThat(told.event().version()).isEqualTo(2);
        assertThat(told.event().position()).isEqualTo(Position.of(3));
        assertThatThrownBy(() -> node.awaitApplied(behind, PATIENCE))
            .isInstanceOf(EventParkedException.class)
            .hasMessageContaining("version 4 of stream order-2")
            .hasMessageContaining("behind an earlier event");
        assertThat(node.status().isHealthy()).isFalse();
        assertThat(node.status().complaint())
            .hasValueSatisfying(c -> assertThat(c).contains("3 events are parked"));
      }
    }
  }

  @Test
  void for_an_append_to_several_streams_each_stream_counts() throws Exception {
    try (Subscription view = start(store)) {
      AppendResult both =
          store.store.append(
              Append.to(
                      StreamId.parse("order-1"),
                      ExpectedVersion.any(),
                      List.of(TestStore.raw("poison")))
                  .and(
                      StreamId.parse("order-2"),
                      ExpectedVersion.any(),
                      List.of(TestStore.raw("happened"))));
      assertThatThrownBy(() -> view.awaitApplied(both, PATIENCE))
          .isInstanceOf(EventParkedException.class)
          .hasMessageContaining("version 1 of stream order-1");
    }
  }

  @Test
  void replayed_events_count_as_applied_and_discarded_ones_are_reported() throws Exception {
    AppendResult replayed;
    AppendResult discarded;
    try (Subscription view = start(store);
        Subscription elsewhere = start(other)) {
      replayed = append(store, "order-1", "poison");
      discarded = append(store, "order-2", "poison");
      AppendResult after = append(store, "order-2", "happened");
      await().atMost(PATIENCE).until(() -> view.parked().count() == 3);
      assertThat(elsewhere.parked().discard(discarded.position(), "a test order")).isTrue();
      mended = true;
      assertThat(elsewhere.parked().replay().handled()).isEqualTo(2);

      for (Subscription node : List.of(view, elsewhere)) {
        node.awaitApplied(replayed, PATIENCE);
        node.awaitApplied(after, PATIENCE);
        assertThatThrownBy(() -> node.awaitApplied(discarded, PATIENCE))
            .isInstanceOf(EventDiscardedException.class)
            .hasMessageContaining("version 1 of stream order-2")
            .hasMessageContaining("a test order");
        assertThat(node.status().isHealthy()).isTrue();
      }
    }
    // Also by a node that has not seen it.
    try (Subscription again = start(store)) {
      append(store, "order-3", "happened");
      again.awaitApplied(replayed, PATIENCE);
      assertThatThrownBy(() -> again.awaitApplied(discarded, PATIENCE))
          .isInstanceOf(EventDiscardedException.class);
    }
  }

  @Test
  void an_append_that_was_rolled_back_is_reported_and_a_committed_one_is_waited_for()
      throws Exception {
    try (Subscription view = start(store);
        Subscription elsewhere = start(other);
        Follower follower =
            Subscriptions.of(store.store).follow(EventQuery.all()).handler(event -> {}).start()) {
      // The incarnation of the server is known by now.
      view.awaitApplied(append(store, "order-1", "happened"), PATIENCE);
      AppendResult kept;
      AppendResult undone;
      try (Connection callers = store.begin()) {
        kept = store.append("order-1", callers);
        callers.commit();
        undone = store.append("order-1", callers);
        callers.rollback();
      }
      AppendResult later = append(store, "order-1", "happened");
      for (Subscription node : List.of(view, elsewhere)) {
        node.awaitApplied(kept, PATIENCE);
        node.awaitApplied(later, PATIENCE);
        assertThatThrownBy(() -> node.awaitApplied(undone, PATIENCE))
            .isInstanceOf(AppendLostException.class)
            .hasMessageContaining("its transaction was rolled back");
      }
      follower.awaitApplied(kept, PATIENCE);
      follower.awaitApplied(later, PATIENCE);
      assertThatThrownBy(() -> follower.awaitApplied(undone, PATIENCE))
          .isInstanceOf(AppendLostException.class);
    }
  }

  @Test
  void the_node_that_handles_an_append_looks_nothing_up_in_the_tables() throws Exception {
    CountingDataSource counting = new CountingDataSource(store.pool);
    try (PostgresEventStore counted =
            PostgresEventStore.builder(counting).codec(JacksonCodec.of(EventTypes.none())).build();
        Subscription view = Subscriptions.of(counted).create("view").handler(batch -> {}).start()) {
      StreamId stream = StreamId.parse("order-1");
      view.awaitApplied(
          counted.append(stream, ExpectedVersion.any(), List.of(TestStore.raw("happened"))),
          PATIENCE);
      counting.reset();
      for (int i = 0; i < 20; i++) {
        view.awaitApplied(
            counted.append(stream, ExpectedVersion.any(), List.of(TestStore.raw("happened"))),
            PATIENCE);
      }
      assertThat(counting.statements())
          .isNotEmpty()
          .noneMatch(sql -> sql.contains("purged_events"))
          .noneMatch(sql -> sql.contains("discarded_events"));
    }
  }

  @Test
  void an_applied_append_is_still_reported_after_closing() throws Exception {
    Subscription view = start(store);
    AppendResult applied = append(store, "order-1", "happened");
    view.awaitApplied(applied, PATIENCE);
    view.close();
    AppendResult late = append(store, "order-1", "happened");

    view.awaitApplied(applied, PATIENCE);
    assertThatThrownBy(() -> view.awaitApplied(late, PATIENCE))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("has stopped at position " + applied.position());
    try (Subscription elsewhere = start(other)) {
      elsewhere.awaitApplied(late, PATIENCE);
      view.awaitApplied(late, PATIENCE);
    }
  }

  @Test
  void a_position_is_passed_when_all_partitions_have_passed_it_wherever_they_are_handled()
      throws Exception {
    Set<String> handled = ConcurrentHashMap.newKeySet();
    EventHandler slow =
        batch -> {
          for (RecordedEvent event : batch.events()) {
            if (event.type().equals("slow")) {
              Thread.sleep(300);
            }
            handled.add(event.stream() + "@" + event.version());
          }
        };
    try (Subscription view = startInParts(store, slow);
        Subscription elsewhere = startInParts(other, slow)) {
      AppendResult last = append(store, "order-0", "happened");
      for (int round = 1; round <= 3; round++) {
        for (int stream = 0; stream < 8; stream++) {
          last = append(store, "order-" + stream, stream == round ? "slow" : "happened");
        }
        Subscription node = round % 2 == 0 ? view : elsewhere;
        node.awaitApplied(last.position(), PATIENCE);
        for (int stream = 0; stream < 8; stream++) {
          assertThat(handled)
              .contains("order-%d@%d".formatted(stream, stream == 0 ? round + 1 : round));
        }
      }
      view.awaitApplied(Position.START, Duration.ZERO);
      Position future = Position.of(last.position().value() + 1_000);
      assertThatThrownBy(() -> view.awaitApplied(future, Duration.ofMillis(100)))
          .isInstanceOf(TimeoutException.class)
          .hasMessageContaining("not yet at " + future);
    }
  }

  private static Subscription startInParts(TestStore in, EventHandler handler) {
    return Subscriptions.of(in.store).create("view").partitions(3).handler(handler).start();
  }

  @Test
  void only_the_event_at_the_position_is_reported_as_parked_or_discarded() throws Exception {
    try (Subscription view = start(store);
        Subscription elsewhere = start(other)) {
      Position poisoned = append(store, "order-1", "poison").position();
      Position fine = append(store, "order-2", "happened").position();

      for (Subscription node : List.of(view, elsewhere)) {
        node.awaitApplied(fine, PATIENCE);
        assertThat(
                catchThrowableOfType(
                        EventParkedException.class, () -> node.awaitApplied(poisoned, PATIENCE))
                    .event()
                    .position())
            .isEqualTo(poisoned);
      }
      assertThat(elsewhere.parked().discard(poisoned, "a test order")).isTrue();
      for (Subscription node : List.of(view, elsewhere)) {
        assertThatThrownBy(() -> node.awaitApplied(poisoned, PATIENCE))
            .isInstanceOf(EventDiscardedException.class)
            .hasMessageContaining("a test order");
      }
      mended = true;
      AppendResult later = append(store, "order-1", "poison");
      view.awaitApplied(later.position(), PATIENCE);
    }
  }

  @Test
  void a_position_that_was_not_reached_is_reported_after_closing() throws Exception {
    Subscription view = start(store);
    Position applied = append(store, "order-1", "happened").position();
    view.awaitApplied(applied, PATIENCE);
    view.close();
    Position late = append(store, "order-1", "happened").position();

    view.awaitApplied(applied, PATIENCE);
    assertThatThrownBy(() -> view.awaitApplied(late, PATIENCE))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("has stopped at position " + applied);
  }

  @Test
  void an_unreachable_timeout_is_accepted() throws Exception {
    Duration forEver = Duration.ofSeconds(Long.MAX_VALUE);
    try (Subscription view = start(store);
        Follower follower =
            Subscriptions.of(store.store).follow(EventQuery.all()).handler(event -> {}).start()) {
      AppendResult append = append(store, "order-1", "happened");
      view.awaitApplied(append, forEver);
      view.awaitApplied(append.position(), forEver);
      follower.awaitApplied(append, forEver);
      follower.awaitApplied(append.position(), forEver);
    }
  }

  @Test
  void a_subscription_that_was_removed_elsewhere_says_so() throws Exception {
    try (Subscription view = start(store)) {
      view.awaitApplied(append(store, "order-1", "happened"), PATIENCE);
      other.execute("delete from eventstore.subscriptions; delete from eventstore.leases");
      AppendResult late = append(store, "order-1", "happened");
      assertThatThrownBy(() -> view.awaitApplied(late, PATIENCE))
          .isInstanceOf(IllegalStateException.class)
          .isNotInstanceOf(ArithmeticException.class)
          .satisfies(
              e ->
                  assertThat(e.getMessage() + e.getCause())
                      .containsAnyOf("was removed", "failed at position"));
      assertThat(view.status().isHealthy()).isFalse();
    }
    try (Subscription none = start(other)) {
      assertThat(none.name()).isEqualTo("view");
    }
  }

  @Test
  void a_node_without_a_partition_says_that_its_subscription_was_removed() throws Exception {
    try (Subscription view = start(store);
        Subscription elsewhere = start(other)) {
      AppendResult first = append(store, "order-1", "happened");
      view.awaitApplied(first, PATIENCE);
      elsewhere.awaitApplied(first, PATIENCE);
      store.execute("delete from eventstore.subscriptions; delete from eventstore.leases");
      assertThatThrownBy(() -> elsewhere.awaitApplied(first, PATIENCE))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("was removed");
      assertThat(elsewhere.status().complaint())
          .hasValueSatisfying(complaint -> assertThat(complaint).contains("was removed"));
    }
  }

  @Test
  void while_the_number_of_partitions_changes_no_append_is_missed() throws Exception {
    AppendResult last = null;
    try (Subscription one = start(store)) {
      last = append(store, "order-1", "happened");
      one.awaitApplied(last, PATIENCE);
      try (Subscription three =
          Subscriptions.of(other.store).create("view").partitions(3).handler(batch -> {}).start()) {
        for (int i = 0; i < 30; i++) {
          last = append(store, "order-" + i, "happened");
          one.awaitApplied(last, PATIENCE);
          three.awaitApplied(last, PATIENCE);
        }
        await()
            .atMost(PATIENCE)
            .until(() -> store.query("select count(*) from eventstore.subscriptions").equals("3"));
        three.awaitApplied(last, PATIENCE);
      }
    }
  }
}
