package dev.pgeventstore.testkit.contracts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.EventDiscardedException;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.EventParkedException;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.ParkedEvents;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.subscription.QueryMismatchException;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionStatus.Partition;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.contracts.AccountEvent.Deposited;
import dev.pgeventstore.testkit.contracts.AccountEvent.Opened;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/**
 * What every store that runs subscriptions does: JUnit tests for those who implement one, to be
 * extended like {@link EventStoreContract}.
 */
public abstract class SubscriptionContract extends ContractFixture {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** The events that were handled, as "stream version". */
  private final List<String> handled = new CopyOnWriteArrayList<>();

  /** Streams whose events cannot be handled. */
  private final Set<String> ill = ConcurrentHashMap.newKeySet();

  /** For subclasses. */
  protected SubscriptionContract() {}

  /**
   * The database that handlers write to.
   *
   * @return empty if handlers have no database; then the tests that need one are skipped
   */
  protected Optional<DataSource> dataSource() {
    return Optional.empty();
  }

  private static String name(RecordedEvent event) {
    return event.stream().key() + " " + event.version();
  }

  private EventHandler handler() {
    return EventHandler.each(
        (event, batch) -> {
          if (ill.contains(event.stream().key())) {
            throw new IllegalStateException("stream " + event.stream().key() + " is ill");
          }
          handled.add(name(event));
        });
  }

  private Subscriptions.Builder view() {
    return Subscriptions.of(store).create("view-" + category).category(category).handler(handler());
  }

  private static FailurePolicy.Retries retry(int times) {
    return FailurePolicy.retry(times).backOff(Duration.ofMillis(1), Duration.ofMillis(1));
  }

  @Test
  void every_event_is_handled_once_and_in_order() throws Exception {
    append(stream("1"), deposited(1), deposited(2));
    append(stream("2"), deposited(3));
    try (Subscription view = view().start()) {
      AppendResult last = append(stream("1"), deposited(4));
      view.awaitApplied(last, PATIENCE);

      assertThat(handled).containsExactly("1 1", "1 2", "2 1", "1 3");
      assertThat(view.status().position()).isGreaterThanOrEqualTo(last.position());
      assertThat(view.status().state()).isEqualTo(State.RUNNING);
      assertThat(view.status().isHealthy()).isTrue();
    }
  }

  @Test
  void a_handler_gets_batches_up_to_the_size_with_their_context() throws Exception {
    for (int i = 0; i < 7; i++) {
      append(stream("" + i % 2), deposited(i));
    }
    List<List<RecordedEvent>> batches = new CopyOnWriteArrayList<>();
    List<String> told = new CopyOnWriteArrayList<>();
    try (Subscription view =
        view()
            .batchSize(3)
            .handler(
                batch -> {
                  batches.add(batch.events());
                  told.add(
                      "%s %d %d %s %s"
                          .formatted(
                              batch.subscription(),
                              batch.partition(),
                              batch.attempt(),
                              batch.isReplay(),
                              batch.isStopping()));
                })
            .start()) {
      view.awaitApplied(append(stream("0"), deposited(7)), PATIENCE);

      assertThat(batches).allSatisfy(batch -> assertThat(batch).hasSizeBetween(1, 3));
      assertThat(batches.stream().flatMap(List::stream).map(RecordedEvent::position).toList())
          .isEqualTo(appended().stream().map(RecordedEvent::position).toList());
      assertThat(told).containsOnly("view-" + category + " 0 1 false false");
    }
  }

  @Test
  void only_events_that_match_the_query_are_handled_and_the_others_are_skipped() throws Exception {
    try (Subscription view = view().types(Opened.class).start()) {
      append(stream("1"), opened("ann"), deposited(1));
      append(StreamId.of(category + "x", "1"), opened("bob"));
      view.awaitApplied(append(stream("2"), deposited(2)), PATIENCE);

      assertThat(handled).containsExactly("1 1");
    }
  }

  @Test
  void events_are_handled_by_their_classes() throws Exception {
    List<Object> payloads = new CopyOnWriteArrayList<>();
    try (Subscription view =
        view()
            .handler(
                EventHandler.on(Opened.class, (opened, context) -> payloads.add(opened))
                    .on(Deposited.class, (deposited, context) -> payloads.add(deposited)))
            .start()) {
      view.awaitApplied(append(stream("1"), opened("ann"), deposited(1)), PATIENCE);

      assertThat(payloads).containsExactly(opened("ann"), deposited(1));
    }
  }

  @Test
  void a_subscription_that_is_started_again_resumes_where_it_stopped() throws Exception {
    try (Subscription view = view().start()) {
      view.awaitApplied(append(stream("1"), deposited(1)), PATIENCE);
      view.close();
      assertThat(view.status().state()).isEqualTo(State.STOPPED);
    }
    append(stream("1"), deposited(2));
    try (Subscription view = view().startAt(Start.end()).start()) {
      view.awaitApplied(append(stream("1"), deposited(3)), PATIENCE);

      assertThat(handled).containsExactly("1 1", "1 2", "1 3");
    }
  }

  @Test
  void a_subscription_can_start_at_the_end_a_position_or_a_time() throws Exception {
    AppendResult first = append(stream("1"), deposited(1));
    TimeUnit.MILLISECONDS.sleep(2);
    append(stream("1"), deposited(2));
    Map<String, Start> starts =
        Map.of(
            "end", Start.end(),
            "after", Start.after(first.position()),
            "at", Start.at(store.read(stream("1")).get(1).recordedAt()));
    for (Map.Entry<String, Start> start : starts.entrySet()) {
      handled.clear();
      try (Subscription view =
          Subscriptions.of(store)
              .create(start.getKey() + "-" + category)
              .category(category)
              .startAt(start.getValue())
              .handler(handler())
              .start()) {
        AppendResult last = append(stream(start.getKey()), deposited(3));
        view.awaitApplied(last, PATIENCE);
      }
      assertThat(handled.contains("1 2")).isEqualTo(!start.getKey().equals("end"));
      assertThat(handled).doesNotContain("1 1").contains(start.getKey() + " 1");
    }
  }

  @Test
  void a_start_beyond_the_high_water_mark_is_refused() {
    assertThatThrownBy(() -> view().startAt(Start.after(Position.of(Long.MAX_VALUE / 2))).start())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("high-water mark");
  }

  @Test
  void a_position_is_passed_when_all_partitions_have_passed_it() throws Exception {
    try (Subscription view =
        view()
            .partitions(3)
            .handler(
                batch -> {
                  TimeUnit.MILLISECONDS.sleep(5);
                  handler().handle(batch);
                })
            .start()) {
      Position last = Position.START;
      for (int i = 0; i < 24; i++) {
        last = append(stream("" + i % 8), deposited(1)).position();
      }
      view.awaitApplied(last, PATIENCE);

      assertThat(handled).hasSize(24);
      view.awaitApplied(Position.START, Duration.ZERO);
      Position never = Position.of(last.value() + 1);
      assertThatThrownBy(() -> view.awaitApplied(never, Duration.ofMillis(20)))
          .isInstanceOf(TimeoutException.class);
    }
  }

  @Test
  void partitions_divide_the_streams_and_keep_the_order_of_each() throws Exception {
    Map<StreamId, Set<Integer>> partitions = new ConcurrentHashMap<>();
    try (Subscription view =
        view()
            .partitions(3)
            .handler(
                EventHandler.each(
                    (event, batch) -> {
                      partitions
                          .computeIfAbsent(event.stream(), s -> ConcurrentHashMap.newKeySet())
                          .add(batch.partition());
                      handled.add(name(event));
                    }))
            .start()) {
      appendToStreams(10, 3, view);

      assertOnceAndInOrder(10, 3);
      partitions.forEach((s, p) -> assertThat(p).containsExactly(Partitions.of(s, 3)));
      assertThat(view.status().partitions()).extracting(Partition::number).containsExactly(0, 1, 2);
    }
  }

  @Test
  void a_change_of_the_number_of_partitions_skips_and_repeats_no_event() throws Exception {
    int events = 0;
    for (int partitions : new int[] {1, 4, 2}) {
      try (Subscription view = view().partitions(partitions).start()) {
        events += 3;
        appendToStreams(8, 3, view);
        assertThat(view.status().partitions()).hasSize(partitions);
      }
    }
    assertOnceAndInOrder(8, events);
  }

  private void appendToStreams(int streams, int events, Subscription view) throws Exception {
    List<AppendResult> appends = new ArrayList<>();
    for (int i = 0; i < events; i++) {
      for (int s = 0; s < streams; s++) {
        appends.add(append(stream("" + s), deposited(i)));
      }
    }
    for (AppendResult append : appends) {
      view.awaitApplied(append, PATIENCE);
    }
  }

  private void assertOnceAndInOrder(int streams, int events) {
    assertThat(handled).hasSize(streams * events);
    for (int s = 0; s < streams; s++) {
      String stream = s + " ";
      assertThat(handled.stream().filter(one -> one.startsWith(stream)))
          .containsExactlyElementsOf(
              IntStream.rangeClosed(1, events).mapToObj(version -> stream + version).toList());
    }
  }

  @Test
  void the_events_of_a_failed_batch_are_handled_one_by_one_with_pauses() throws Exception {
    Map<String, List<Integer>> attempts = new ConcurrentHashMap<>();
    CountDownLatch appended = new CountDownLatch(1);
    try (Subscription view =
        view()
            .onFailure(retry(3).thenStop())
            .handler(
                batch -> {
                  appended.await();
                  for (RecordedEvent event : batch) {
                    List<Integer> tried =
                        attempts.computeIfAbsent(name(event), n -> new CopyOnWriteArrayList<>());
                    tried.add(batch.events().size() > 1 ? 0 : batch.attempt());
                    if (event.version() == 2 && batch.attempt() < 3) {
                      throw new IllegalStateException("not yet");
                    }
                  }
                })
            .start()) {
      AppendResult last = append(stream("1"), deposited(1), deposited(2), deposited(3));
      appended.countDown();
      view.awaitApplied(last, PATIENCE);

      assertThat(attempts)
          .containsEntry("1 1", List.of(0, 1))
          .containsEntry("1 2", List.of(0, 1, 2, 3))
          .containsEntry("1 3", List.of(1));
      assertThat(view.status().isHealthy()).isTrue();
    }
  }

  @Test
  void an_event_that_fails_too_often_is_parked_with_its_stream_and_other_streams_continue()
      throws Exception {
    ill.add("ill");
    try (Subscription view = view().onFailure(retry(2).thenPark()).start()) {
      AppendResult first = append(stream("ill"), deposited(1));
      append(stream("well"), deposited(1));
      AppendResult second = append(stream("ill"), deposited(2));
      AppendResult well = append(stream("well"), deposited(2));
      view.awaitApplied(well, PATIENCE);

      assertThat(handled).containsExactly("well 1", "well 2");
      assertThat(view.parked().count()).isEqualTo(2);
      assertThat(view.parked().list(10))
          .extracting(ParkedEvent::position, ParkedEvent::version, ParkedEvent::attempts)
          .containsExactly(tuple(first.position(), 1L, 2), tuple(second.position(), 2L, 0));
      assertThat(view.parked().list(1).get(0).error().orElseThrow()).contains("ill is ill");
      assertThat(view.status().parked()).isEqualTo(2);
      assertThat(view.status().isHealthy()).isFalse();
      assertThatThrownBy(() -> view.awaitApplied(second, PATIENCE))
          .isInstanceOfSatisfying(
              EventParkedException.class,
              e -> assertThat(e.event().position()).isEqualTo(second.position()));
      // Waiting for a position looks at the event at that position, and at no other.
      assertThatThrownBy(() -> view.awaitApplied(second.position(), PATIENCE))
          .isInstanceOf(EventParkedException.class);
      view.awaitApplied(well.position(), PATIENCE);
    }
  }

  @Test
  void parked_events_are_replayed_in_order_until_one_fails_and_then_the_stream_continues()
      throws Exception {
    ill.add("ill");
    List<String> replays = new CopyOnWriteArrayList<>();
    EventHandler handler = handler();
    try (Subscription view =
        view()
            .onFailure(retry(1).thenPark())
            .handler(
                batch -> {
                  if (batch.isReplay()) {
                    replays.add(name(batch.events().get(0)) + " " + batch.attempt());
                  }
                  handler.handle(batch);
                })
            .start()) {
      append(stream("ill"), deposited(1));
      AppendResult second = append(stream("ill"), deposited(2));
      view.awaitApplied(append(stream("well"), deposited(1)), PATIENCE);

      ParkedEvents.Replay inVain = view.parked().replay();
      assertThat(inVain.handled()).isZero();
      assertThat(inVain.failed()).extracting(ParkedEvent::attempts).containsExactly(2);
      assertThat(view.parked().count()).isEqualTo(2);

      ill.clear();
      assertThat(view.parked().replay(stream("ill")).handled()).isEqualTo(2);
      assertThat(view.parked().replay(stream("ill")).handled()).isZero();
      view.awaitApplied(second, PATIENCE);
      view.awaitApplied(append(stream("ill"), deposited(3)), PATIENCE);

      assertThat(view.parked().count()).isZero();
      assertThat(handled).containsExactly("well 1", "ill 1", "ill 2", "ill 3");
      assertThat(replays).containsExactly("ill 1 2", "ill 1 3", "ill 2 1");
    }
  }

  @Test
  void events_stay_parked_when_the_subscription_is_started_again() throws Exception {
    ill.add("ill");
    try (Subscription view = view().onFailure(retry(1).thenPark()).start()) {
      append(stream("ill"), deposited(1));
      view.awaitApplied(append(stream("well"), deposited(1)), PATIENCE);
    }
    ill.clear();
    try (Subscription view = view().onFailure(retry(1).thenPark()).start()) {
      append(stream("ill"), deposited(2));
      view.awaitApplied(append(stream("well"), deposited(2)), PATIENCE);

      assertThat(handled).containsExactly("well 1", "well 2");
      assertThat(view.parked().replay().handled()).isEqualTo(2);
      assertThat(handled).containsExactly("well 1", "well 2", "ill 1", "ill 2");
    }
  }

  @Test
  void a_discarded_event_is_not_handled_and_its_stream_continues() throws Exception {
    ill.add("ill");
    try (Subscription view = view().onFailure(retry(1).thenPark()).start()) {
      AppendResult poison = append(stream("ill"), deposited(1));
      view.awaitApplied(append(stream("well"), deposited(1)), PATIENCE);
      ill.clear();
      ParkedEvents parked = view.parked();
      assertThatThrownBy(() -> parked.discard(poison.position(), " "))
          .isInstanceOf(IllegalArgumentException.class);

      assertThat(parked.discard(poison.position(), "no use")).isTrue();
      assertThat(parked.discard(poison.position(), "no use")).isFalse();
      view.awaitApplied(append(stream("ill"), deposited(2)), PATIENCE);

      assertThat(handled).containsExactly("well 1", "ill 2");
      assertThatThrownBy(() -> view.awaitApplied(poison, PATIENCE))
          .isInstanceOfSatisfying(
              EventDiscardedException.class, e -> assertThat(e.reason()).isEqualTo("no use"));
    }
  }

  @Test
  void a_policy_that_does_not_park_stops_the_subscription_and_skips_nothing() throws Exception {
    for (FailurePolicy policy : List.of(FailurePolicy.stop(), retry(2).thenStop())) {
      handled.clear();
      String key = "ill-" + policy.retries();
      ill.add(key);
      try (Subscription view = view().onFailure(policy).start()) {
        view.awaitApplied(append(stream("well"), deposited(1)), PATIENCE);
        AppendResult poison = append(stream(key), deposited(1));
        append(stream("well"), deposited(2));

        assertThatThrownBy(() -> view.awaitApplied(poison, PATIENCE))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("failed")
            .cause()
            .hasMessage("stream %s is ill".formatted(key));
        assertThat(view.status().state()).isEqualTo(State.FAILED);
        assertThat(view.status().error().orElseThrow()).hasMessageContaining("is ill");
        assertThat(view.status().isHealthy()).isFalse();
        assertThat(view.status().position()).isLessThan(poison.position());
        assertThat(view.parked().count()).isZero();
      }
      int before = handled.size();
      ill.clear();
      try (Subscription view = view().onFailure(policy).start()) {
        view.awaitApplied(append(stream("well"), deposited(3)), PATIENCE);
        assertThat(handled.get(before)).isEqualTo(key + " 1");
        assertThat(handled).hasSize(before + 3).doesNotHaveDuplicates();
      }
    }
  }

  @Test
  void everything_that_happens_is_reported_to_the_listener() throws Exception {
    ill.add("ill");
    List<String> told = new CopyOnWriteArrayList<>();
    SubscriptionListener listener =
        new SubscriptionListener() {
          @Override
          public void applied(Applied batch) {
            batch.events().forEach(event -> told.add("applied " + name(event)));
          }

          @Override
          public void caughtUp(Place place) {
            told.add("caught up");
          }

          @Override
          public void failed(Failed failure) {
            told.add("failed: " + failure.error().getMessage());
          }

          @Override
          public void parked(Parked parked) {
            told.add("parked %s %d".formatted(parked.event().stream().key(), parked.partition()));
          }

          @Override
          public void leaseTaken(LeaseTaken lease) {
            told.add("taken " + lease.partition());
          }

          @Override
          public void leaseEnded(LeaseEnded lease) {
            told.add("ended " + lease.partition() + (lease.lost() ? " lost" : ""));
          }

          @Override
          public void stopped(Stopped stop) {
            told.add("stopped: " + stop.error().getMessage());
          }
        };
    try (Subscription view = view().listener(listener).onFailure(retry(1).thenPark()).start()) {
      view.awaitApplied(append(stream("well"), deposited(1)), PATIENCE);
      append(stream("ill"), deposited(1));
      view.awaitApplied(append(stream("well"), deposited(2)), PATIENCE);
    }
    assertThat(told)
        .startsWith("taken 0")
        .containsSubsequence(
            "applied well 1",
            "failed: stream ill is ill",
            "failed: stream ill is ill",
            "parked ill 0",
            "applied well 2",
            "ended 0")
        .contains("caught up")
        .endsWith("ended 0");
    told.clear();
    append(stream("worse"), deposited(1));
    ill.add("worse");
    Subscription view = view().listener(listener).onFailure(FailurePolicy.stop()).start();
    eventually(() -> told.contains("ended 0"));
    view.close();
    assertThat(told)
        .containsSubsequence("failed: stream worse is ill", "stopped: stream worse is ill");
  }

  @Test
  void a_listener_that_fails_or_closes_the_subscription_does_no_harm() throws Exception {
    AtomicReference<Subscription> view = new AtomicReference<>();
    CountDownLatch started = new CountDownLatch(1);
    SubscriptionListener listener =
        new SubscriptionListener() {
          @Override
          public void applied(Applied batch) {
            try {
              started.await();
            } catch (InterruptedException e) {
              throw new AssertionError(e);
            }
            view.get().close();
            throw new IllegalStateException("of the listener");
          }
        };
    append(stream("1"), deposited(1));
    view.set(view().listener(listener).start());
    started.countDown();
    eventually(() -> view.get().status().state() == State.STOPPED);
    assertThat(handled).containsExactly("1 1");
    assertThat(view.get().status().error()).isEmpty();
  }

  @Test
  void a_handler_may_close_its_subscription_and_its_batch_is_completed() throws Exception {
    AtomicReference<Subscription> view = new AtomicReference<>();
    CountDownLatch started = new CountDownLatch(1);
    view.set(
        view()
            .batchSize(1)
            .handler(
                batch -> {
                  started.await();
                  view.get().close();
                  assertThat(batch.isStopping()).isTrue();
                  handled.add(name(batch.events().get(0)));
                })
            .start());
    AppendResult first = append(stream("1"), deposited(1));
    AppendResult second = append(stream("1"), deposited(2));
    started.countDown();
    view.get().awaitApplied(first, PATIENCE);
    assertThatThrownBy(() -> view.get().awaitApplied(second, PATIENCE))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("stopped");
    assertThat(handled).containsExactly("1 1");
    try (Subscription again = view().start()) {
      again.awaitApplied(second, PATIENCE);
      assertThat(handled).containsExactly("1 1", "1 2");
    }
  }

  @Test
  void waiting_for_a_handler_that_does_not_return_ends_with_the_timeout() throws Exception {
    CountDownLatch goOn = new CountDownLatch(1);
    try (Subscription view = view().handler(batch -> goOn.await()).start()) {
      AppendResult append = append(stream("1"), deposited(1));
      assertThatThrownBy(() -> view.awaitApplied(append, Duration.ofMillis(50)))
          .isInstanceOf(TimeoutException.class)
          .hasMessageContaining("not yet at " + append.position());
      goOn.countDown();
      view.awaitApplied(append, PATIENCE);
    } finally {
      goOn.countDown();
    }
  }

  @Test
  void an_interrupt_that_a_handler_leaves_behind_changes_nothing() throws Exception {
    EventHandler handler = handler();
    try (Subscription view =
        view()
            .handler(
                batch -> {
                  handler.handle(batch);
                  Thread.currentThread().interrupt();
                })
            .start()) {
      view.awaitApplied(append(stream("1"), deposited(1)), PATIENCE);
      view.awaitApplied(append(stream("1"), deposited(2)), PATIENCE);
      assertThat(handled).containsExactly("1 1", "1 2");
    }
  }

  @Test
  void a_subscription_runs_once_in_a_store_and_keeps_its_query() throws Exception {
    EventQuery declared = EventQuery.all().categories(category);
    EventQuery wider = EventQuery.all().categories(category, category + "x");
    try (Subscription view = view().start()) {
      assertThatThrownBy(() -> view().start())
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("runs in this store already");
      view.awaitApplied(append(stream("1"), deposited(1)), PATIENCE);
    }
    assertThatThrownBy(() -> view().query(wider).start())
        .isInstanceOfSatisfying(
            QueryMismatchException.class,
            e -> assertThat(e.declared()).isEqualTo(declared.canonicalText()));
    try (Subscription view = view().query(wider).replacing(declared).start()) {
      view.awaitApplied(append(StreamId.of(category + "x", "2"), deposited(1)), PATIENCE);
      assertThat(handled).containsExactly("1 1", "2 1");
    }
  }

  @Test
  void a_handler_may_append_in_its_transaction() throws Exception {
    try (Subscription view =
        view()
            .types(Opened.class)
            .handler(
                EventHandler.each(
                    (event, batch) ->
                        store
                            .within(batch.connection())
                            .append(
                                event.stream(),
                                ExpectedVersion.exactly(event.version()),
                                List.of(deposited(event.version())))))
            .start()) {
      view.awaitApplied(append(stream("1"), opened("ann")), PATIENCE);
      assertThat(payloads(stream("1"))).containsExactly(opened("ann"), deposited(1));
    }
  }

  @Test
  void followers_see_every_event_once_and_in_order() throws Exception {
    append(stream("1"), deposited(1));
    try (Follower follower =
        Subscriptions.of(store)
            .follow(EventQuery.all().categories(category))
            .after(markBefore())
            .handler(events -> events.forEach(event -> handled.add(name(event))))
            .start()) {
      AppendResult last = append(stream("1"), deposited(2), deposited(3));
      follower.awaitApplied(last, PATIENCE);
      assertThat(handled).containsExactly("1 1", "1 2", "1 3");
      assertThat(follower.position()).isGreaterThanOrEqualTo(last.position());
    }
  }

  @Test
  void the_writes_of_a_handler_are_committed_once_and_rolled_back_when_it_fails() throws Exception {
    assumeTrue(dataSource().isPresent(), "handlers have no database");
    String table = "handled_" + category;
    execute("create table %s (stream varchar(100), version bigint)".formatted(table));
    EventHandler writing =
        EventHandler.each(
            (event, batch) -> {
              try (PreparedStatement insert =
                  batch
                      .connection()
                      .prepareStatement("insert into %s values (?, ?)".formatted(table))) {
                insert.setString(1, event.stream().key());
                insert.setLong(2, event.version());
                insert.executeUpdate();
              }
              if (ill.contains(event.stream().key())) {
                throw new IllegalStateException("after it has written");
              }
            });
    ill.add("ill");
    try (Subscription view = view().onFailure(retry(2).thenPark()).handler(writing).start()) {
      append(stream("well"), deposited(1));
      append(stream("ill"), deposited(1));
      view.awaitApplied(append(stream("well"), deposited(2)), PATIENCE);
      assertThat(rows(table)).containsOnly(Map.entry("well", 2));

      ill.clear();
      assertThat(view.parked().replay().handled()).isEqualTo(1);
      assertThat(rows(table)).containsOnly(Map.entry("well", 2), Map.entry("ill", 1));
    }
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = dataSource().orElseThrow().getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private Map<String, Integer> rows(String table) throws SQLException {
    try (Connection connection = dataSource().orElseThrow().getConnection();
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "select stream, count(*) from %s group by stream".formatted(table))) {
      Map<String, Integer> rows = new HashMap<>();
      while (row.next()) {
        rows.put(row.getString(1), row.getInt(2));
      }
      return rows;
    }
  }
}
