package dev.pgeventstore.observability;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.observability.Figures.Holding;
import dev.pgeventstore.observability.Figures.OfPartition;
import dev.pgeventstore.observability.Figures.OfSubscription;
import dev.pgeventstore.observability.Figures.Scripted;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MockClock;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class SubscriptionMetricsTest {

  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final Duration PAUSE = Duration.ofMillis(20);

  private final MeterRegistry registry = new SimpleMeterRegistry();
  private final MockClock clock = new MockClock();
  private final SubscriptionMetrics metrics = SubscriptionMetrics.with(clock, PAUSE);

  @AfterEach
  void close() {
    metrics.close();
  }

  @Test
  void what_a_subscription_does_and_how_it_is_are_reported(Database database) throws Exception {
    FailurePolicy.Retries twice =
        FailurePolicy.retry(1).backOff(Duration.ofMillis(1), Duration.ofMillis(1));
    EventHandler refusing =
        EventHandler.each(
            (event, batch) -> {
              if (event.type().equals("broken")) {
                throw new IllegalStateException("cannot be handled");
              }
            });
    try (SubscriptionMetrics real = SubscriptionMetrics.with(Clock.SYSTEM, PAUSE);
        EventStore store =
            PostgresEventStore.builder(database.dataSource())
                .codec(JacksonCodec.of(EventTypes.none()))
                .build()) {
      real.bindTo(registry);
      try (Subscription parks =
              Subscriptions.of(store)
                  .create("parks")
                  .partitions(2)
                  .onFailure(twice.thenPark())
                  .listener(real)
                  .handler(refusing)
                  .start();
          Subscription stops =
              Subscriptions.of(store)
                  .create("stops")
                  .onFailure(twice.thenStop())
                  .listener(real)
                  .handler(refusing)
                  .start();
          Connection open = database.open()) {
        real.watch(parks);
        real.watch(stops);
        append(store, "order-1", "placed");
        append(store, "order-2", "broken");
        parks.awaitApplied(append(store, "order-3", "placed"), PATIENCE);

        eventually("parks", "leases", 2);
        eventually("parks", "partitions", 2);
        eventually("parks", "parked", 1);
        eventually("parks", "lag", 0);
        eventually("parks", "healthy", 0);
        eventually("parks", "stopped", 0);
        eventually("stops", "stopped", 1);
        eventually("stops", "healthy", 0);
        eventually("stops", "lag", 2);
        await().atMost(PATIENCE).until(() -> counted("parks", "events", "outcome", "applied") == 2);
        assertThat(counted("parks", "events", "outcome", "parked")).isEqualTo(1);
        assertThat(counted("parks", "lease.changes", "change", "taken")).isEqualTo(2);
        assertThat(
                registry.get("eventstore.subscription.batch").tag("subscription", "parks").timer())
            .satisfies(timer -> assertThat(timer.count()).isBetween(1L, 2L));
        assertThat(counted("parks", "failures")).isPositive();
        await().atMost(PATIENCE).until(() -> counted("stops", "stops") == 1);
        assertThat(of("stops", "behind")).isPositive();
        assertThat(real.complaints()).containsOnlyKeys("parks", "stops");
        assertThat(real.complaints().get("parks")).contains("1 event is parked");

        open.setAutoCommit(false);
        store
            .within(open)
            .append(StreamId.of("order", "4"), ExpectedVersion.any(), List.of(happened("placed")));
        append(store, "order-5", "placed");
        await().atMost(PATIENCE).until(() -> of("parks", "mark.held") > 0);
        open.rollback();
        eventually("parks", "mark.held", 0);
      }
      eventually("parks", "leases", 0);
      await().atMost(PATIENCE).until(() -> Double.isNaN(of("parks", "healthy")));
      assertThat(of("parks", "parked")).isNaN();
      assertThat(real.complaints()).doesNotContainKey("parks");
    }
    assertThat(registry.getMeters()).isEmpty();
  }

  @Test
  void a_database_that_does_not_respond_delays_no_reader_of_meters() throws Exception {
    metrics.bindTo(registry);
    AtomicReference<SubscriptionStatus> answer =
        new AtomicReference<>(
            OfSubscription.healthy(
                60,
                100,
                new OfPartition(0, Duration.ofSeconds(3)),
                new OfPartition(1, Duration.ofSeconds(9))));
    CountDownLatch silent = new CountDownLatch(1);
    CountDownLatch responds = new CountDownLatch(1);
    metrics.watch(
        new Scripted(
            "view",
            () -> {
              if (answer.get() == null) {
                silent.countDown();
                uninterruptibly(responds);
                answer.set(OfSubscription.healthy(100, 100, new OfPartition(0, Duration.ZERO)));
              }
              return answer.get();
            }));
    eventually("view", "lag", 40);
    assertThat(of("view", "behind")).isEqualTo(9);
    assertThat(of("view", "partitions")).isEqualTo(2);
    assertThat(of("view", "healthy")).isEqualTo(1);

    answer.set(null);
    silent.await();
    clock.add(Duration.ofSeconds(29));
    assertThat(of("view", "healthy")).isEqualTo(1);
    clock.add(Duration.ofSeconds(2));
    assertThat(of("view", "healthy")).isZero();
    assertThat(of("view", "status.age")).isCloseTo(31, within(0.001));
    assertThat(of("view", "lag")).as("as last known").isEqualTo(40);
    assertThat(metrics.complaints())
        .containsEntry("view", "the database has not responded for 31 s");

    responds.countDown();
    eventually("view", "healthy", 1);
    eventually("view", "lag", 0);
    assertThat(metrics.complaints()).isEmpty();
  }

  @Test
  void figures_that_only_the_database_knows_stay_as_they_were_while_it_is_down() {
    metrics.bindTo(registry);
    AtomicReference<SubscriptionStatus> answer =
        new AtomicReference<>(
            OfSubscription.healthy(60, 100, new OfPartition(0, Duration.ZERO)).parking(5));
    metrics.watch(new Scripted("view", answer::get));
    eventually("view", "parked", 5);

    answer.set(OfSubscription.unreachable());
    await()
        .atMost(PATIENCE)
        .until(() -> metrics.complaints().getOrDefault("view", "").contains("cannot be asked"));
    assertThat(of("view", "healthy")).isZero();
    assertThat(of("view", "parked")).isEqualTo(5);
    assertThat(of("view", "lag")).isEqualTo(40);
  }

  @Test
  void a_mark_counts_as_held_for_as_long_as_it_stands_still() {
    metrics.bindTo(registry);
    OfSubscription at100 = OfSubscription.healthy(100, 100, new OfPartition(0, Duration.ZERO));
    AtomicReference<SubscriptionStatus> answer = new AtomicReference<>(at100);
    metrics.watch(new Scripted("view", answer::get));
    clock.add(Duration.ofMinutes(1));
    eventually("view", "mark.held", 0);

    // The role may not see how old the transaction is.
    answer.set(at100.heldBy(new Holding()));
    awaitNextLook();
    clock.add(Duration.ofMinutes(1));
    eventually("view", "mark.held", 60);

    // Another short append at each look: the mark moves on.
    answer.set(
        OfSubscription.healthy(101, 101, new OfPartition(0, Duration.ZERO)).heldBy(new Holding()));
    eventually("view", "mark.held", 0);
  }

  @Test
  void a_subscription_that_was_closed_is_not_known_and_one_with_its_name_replaces_it() {
    metrics.bindTo(registry);
    OfSubscription running = OfSubscription.healthy(1, 4, new OfPartition(0, Duration.ZERO));
    metrics.watch(new Scripted("view", () -> running.in(State.STOPPED)));
    awaitNextLook();
    assertThat(of("view", "healthy")).isNaN();
    assertThat(of("view", "stopped")).isNaN();
    assertThat(of("view", "status.age")).isNaN();

    metrics.watch(new Scripted("view", () -> running));
    eventually("view", "lag", 3);
  }

  @Test
  void a_status_that_fails_is_asked_for_again() {
    metrics.bindTo(registry);
    AtomicReference<SubscriptionStatus> answer = new AtomicReference<>();
    metrics.watch(
        new Scripted(
            "view",
            () -> {
              if (answer.get() == null) {
                throw new IllegalStateException("the pool is closed");
              }
              return answer.get();
            }));
    awaitNextLook();
    assertThat(of("view", "healthy")).isNaN();
    answer.set(OfSubscription.healthy(1, 1, new OfPartition(0, Duration.ZERO)));
    eventually("view", "healthy", 1);
  }

  @Test
  void closed_metrics_watch_nothing() {
    metrics.close();
    assertThatThrownBy(() -> metrics.watch(new Scripted("view", OfSubscription::unreachable)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("view");
  }

  /** Two looks at another subscription, by the same thread: all others were looked at meanwhile. */
  private void awaitNextLook() {
    CountDownLatch looks = new CountDownLatch(3);
    metrics.watch(
        new Scripted(
            "last",
            () -> {
              looks.countDown();
              return OfSubscription.unreachable();
            }));
    uninterruptibly(looks);
  }

  private static void uninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private void eventually(String subscription, String what, double value) {
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(of(subscription, what)).as(what).isEqualTo(value));
  }

  private double of(String subscription, String what) {
    return registry
        .get("eventstore.subscription." + what)
        .tag("subscription", subscription)
        .gauge()
        .value();
  }

  private double counted(String subscription, String what, String... tags) {
    return registry
        .get("eventstore.subscription." + what)
        .tag("subscription", subscription)
        .tags(tags)
        .counter()
        .count();
  }

  private static AppendResult append(EventStore store, String stream, String type) {
    return store.append(StreamId.parse(stream), ExpectedVersion.any(), List.of(happened(type)));
  }

  private static EncodedEvent happened(String type) {
    return EncodedEvent.of(type, 1, "{}");
  }
}
