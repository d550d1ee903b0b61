package dev.pgeventstore.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.contracts.AccountEvent;
import dev.pgeventstore.testkit.contracts.AccountEvent.Opened;
import dev.pgeventstore.testkit.contracts.EventStoreContract;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

class InMemoryEventStoreTest extends EventStoreContract {

  @Override
  protected EventStore newStore(EventCodec codec) {
    return InMemoryEventStore.of(codec);
  }

  @Test
  void the_store_uses_the_clock_of_the_test() {
    Instant now = Instant.parse("2026-01-02T03:04:05.123456789Z");
    StreamId stream = StreamId.parse("account-1");
    try (EventStore fixed =
        InMemoryEventStore.builder(JacksonCodec.of(EventTypes.of(AccountEvent.class)))
            .clock(Clock.fixed(now, ZoneOffset.UTC))
            .build()) {
      fixed.append(stream, ExpectedVersion.any(), List.of(new Opened("ann")));
      assertThat(fixed.read(stream).get(0).recordedAt())
          .isEqualTo(Instant.parse("2026-01-02T03:04:05.123456Z"));
    }
  }

  private static InMemoryEventStore ofAccounts() {
    return InMemoryEventStore.of(JacksonCodec.of(EventTypes.of(AccountEvent.class)));
  }

  private static AppendResult append(EventStore store) {
    return store.append(
        StreamId.parse("account-1"), ExpectedVersion.any(), List.of(new Opened("ann")));
  }

  @Test
  void the_connection_of_a_handler_without_a_database_says_what_to_do() throws Exception {
    try (EventStore store = ofAccounts();
        Subscription view =
            Subscriptions.of(store)
                .create("view")
                .onFailure(FailurePolicy.stop())
                .handler(batch -> batch.connection().createStatement().close())
                .start()) {
      AppendResult append = append(store);
      assertThatThrownBy(() -> view.awaitApplied(append, Duration.ofSeconds(30)))
          .cause()
          .isInstanceOf(UnsupportedOperationException.class)
          .hasMessageContaining("createStatement")
          .hasMessageContaining("InMemoryEventStore.builder(codec).dataSource(");
    }
  }

  @Test
  void closing_the_store_ends_subscriptions_and_followers() throws Exception {
    EventStore store = ofAccounts();
    List<Thread> threads = new CopyOnWriteArrayList<>();
    Subscription view =
        Subscriptions.of(store)
            .create("view")
            .handler(batch -> threads.add(Thread.currentThread()))
            .start();
    Follower follower =
        Subscriptions.of(store)
            .follow(EventQuery.all())
            .handler(events -> threads.add(Thread.currentThread()))
            .start();
    AppendResult append = append(store);
    view.awaitApplied(append, Duration.ofSeconds(30));
    follower.awaitApplied(append, Duration.ofSeconds(30));

    store.close();

    for (Thread thread : threads) {
      assertThat(thread.isDaemon()).isTrue();
      thread.join(30_000);
      assertThat(thread.isAlive()).isFalse();
    }
    assertThat(threads).hasSize(2);
    assertThat(view.status().state()).isEqualTo(SubscriptionStatus.State.STOPPED);
    assertThatThrownBy(() -> Subscriptions.of(store).create("other").handler(b -> {}).start())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
    assertThat(store.read(StreamId.parse("account-1"))).hasSize(1);
  }

  @Test
  void a_relay_is_refused() {
    try (EventStore store = ofAccounts()) {
      EventFeed feed = store.unwrap(EventFeed.class).orElseThrow();
      assertThatThrownBy(() -> feed.tryLease("relay", 0, "me", Duration.ofSeconds(1)))
          .isInstanceOf(UnsupportedOperationException.class)
          .hasMessageContaining("no relay");
    }
  }
}
