package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.ParkedEvents;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionListener.Applied;
import dev.pgeventstore.subscription.SubscriptionListener.LeaseEnded;
import dev.pgeventstore.subscription.SubscriptionListener.LeaseTaken;
import dev.pgeventstore.subscription.SubscriptionListener.Place;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Interrupts that the application's own code leaves behind in threads of the store. */
@ExtendWith(PostgresExtension.class)
class HandlerInterruptsTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private TestStore store;
  private final List<String> seen = Collections.synchronizedList(new ArrayList<>());

  /** Whether the handler was ever called with an interrupt that an earlier call had left behind. */
  private final AtomicBoolean handedOn = new AtomicBoolean();

  private volatile boolean healed;

  @BeforeEach
  void open(Database database) throws SQLException {
    store = new TestStore(database);
  }

  @AfterEach
  void close() {
    store.close();
  }

  private void see(List<RecordedEvent> events) {
    handedOn.compareAndSet(false, Thread.currentThread().isInterrupted());
    events.forEach(event -> seen.add(event.stream().toString()));
  }

  /** What is usual after catching an {@link InterruptedException}. */
  private static void interrupt() {
    Thread.currentThread().interrupt();
  }

  private Subscriptions.Builder view(EventHandler handler) {
    return Subscriptions.of(store.store)
        .create("view")
        .onFailure(FailurePolicy.retry(1).thenPark())
        .handler(handler);
  }

  @Test
  void a_handler_that_leaves_an_interrupt_behind_has_handled_its_events() throws Exception {
    store.append("order-1");
    try (Subscription view =
        view(batch -> {
              see(batch.events());
              interrupt();
            })
            .batchSize(1)
            .start()) {
      store.append("order-2");
      view.awaitApplied(store.append("order-3"), PATIENCE);

      assertThat(view.status().state()).isEqualTo(State.RUNNING);
    }
    assertThat(seen).containsExactly("order-1", "order-2", "order-3");
    assertThat(handedOn).isFalse();
  }

  @Test
  void a_handler_that_throws_and_leaves_an_interrupt_behind_has_only_failed() throws Exception {
    assertParks(
        () -> {
          interrupt();
          throw new IllegalStateException("after the interrupt");
        });
  }

  @Test
  void a_handler_that_throws_an_interrupted_exception_has_only_failed() throws Exception {
    assertParks(
        () -> {
          throw new InterruptedException("by a client of something else");
        });
  }

  private void assertParks(Failing failing) throws Exception {
    EventHandler handler =
        batch -> {
          for (RecordedEvent event : batch.events()) {
            if (event.stream().key().equals("sick")) {
              failing.fail();
            }
          }
          see(batch.events());
        };
    store.append("order-1");
    AppendResult sick = store.append("order-sick");
    AppendResult last = store.append("order-2");
    try (Subscription view = view(handler).start()) {
      view.awaitApplied(last, PATIENCE);

      assertThat(view.status().state()).isEqualTo(State.RUNNING);
      assertThat(view.parked().list(10))
          .singleElement()
          .satisfies(
              parked -> {
                assertThat(parked.position()).isEqualTo(sick.position());
                assertThat(parked.attempts()).isEqualTo(1);
              });
    }
    assertThat(seen).containsExactly("order-1", "order-2");
    assertThat(handedOn).isFalse();
  }

  @Test
  void an_interrupt_from_outside_that_comes_late_ends_no_partition() throws Exception {
    AtomicReference<Thread> thread = new AtomicReference<>();
    try (Subscription view =
        view(batch -> {
              thread.set(Thread.currentThread());
              see(batch.events());
            })
            .start()) {
      for (int i = 0; i < 20; i++) {
        view.awaitApplied(store.append("order-" + i), PATIENCE);
        // While it waits for more, or is about to.
        thread.get().interrupt();
      }
      view.awaitApplied(store.append("order-20"), PATIENCE);

      assertThat(view.status().state()).isEqualTo(State.RUNNING);
      assertThat(view.parked().count()).isZero();
    }
    assertThat(seen).hasSize(21).doesNotHaveDuplicates();
  }

  @Test
  void a_listener_that_leaves_an_interrupt_behind_changes_nothing() throws Exception {
    SubscriptionListener listener =
        new SubscriptionListener() {
          @Override
          public void applied(Applied batch) {
            interrupt();
          }

          @Override
          public void caughtUp(Place place) {
            interrupt();
          }

          @Override
          public void leaseTaken(LeaseTaken lease) {
            interrupt();
          }

          @Override
          public void leaseEnded(LeaseEnded lease) {
            interrupt();
          }
        };
    try (Subscription view = view(batch -> see(batch.events())).listener(listener).start()) {
      view.awaitApplied(store.append("order-1"), PATIENCE);
      view.awaitApplied(store.append("order-2"), PATIENCE);

      assertThat(view.status().state()).isEqualTo(State.RUNNING);
    }
    assertThat(handedOn).isFalse();
    assertThat(store.query("select count(*) from eventstore.leases where lease_until is not null"))
        .as("leases that were not given back")
        .isEqualTo("0");
  }

  @Test
  void a_replay_ends_after_an_interrupt_which_its_thread_keeps() throws Exception {
    EventHandler handler =
        batch -> {
          if (!healed) {
            throw new IllegalStateException("not yet");
          }
          see(batch.events());
          TestStore.execute(batch.connection(), "insert into public.replayed select 1");
          interrupt();
        };
    store.execute("create table public.replayed (one integer)");
    store.append("order-1");
    store.append("order-1");
    try (Subscription view = view(handler).start()) {
      store.append("order-2");
      ParkedEvents parked = view.parked();
      await().atMost(PATIENCE).until(() -> parked.count() == 3);
      healed = true;

      ParkedEvents.Replay replay = parked.replay();
      boolean kept = Thread.interrupted();

      assertThat(kept).isTrue();
      assertThat(replay.handled()).isEqualTo(1);
      assertThat(replay.failed()).isEmpty();
      assertThat(parked.count()).isEqualTo(2);
      assertThat(store.query("select count(*) from public.replayed")).isEqualTo("1");
    }
  }

  @Test
  void a_follower_whose_handler_leaves_an_interrupt_behind_has_handled_its_events()
      throws Exception {
    try (Follower follower =
        Subscriptions.of(store.store)
            .follow(EventQuery.all())
            .handler(
                events -> {
                  see(events);
                  interrupt();
                })
            .start()) {
      follower.awaitApplied(store.append("order-1"), PATIENCE);
      follower.awaitApplied(store.append("order-2"), PATIENCE);

      assertThat(follower.status().state()).isEqualTo(Follower.State.RUNNING);
    }
    assertThat(seen).containsExactly("order-1", "order-2");
    assertThat(handedOn).isFalse();
  }

  @Test
  void a_follower_continues_after_an_interrupt_from_outside() throws Exception {
    AtomicReference<Thread> thread = new AtomicReference<>();
    try (Follower follower =
        Subscriptions.of(store.store)
            .follow(EventQuery.all())
            .handler(
                events -> {
                  thread.set(Thread.currentThread());
                  see(events);
                })
            .start()) {
      for (int i = 0; i < 20; i++) {
        follower.awaitApplied(store.append("order-" + i), PATIENCE);
        thread.get().interrupt();
      }
      follower.awaitApplied(store.append("order-20"), PATIENCE);
    }
    assertThat(seen).hasSize(21).doesNotHaveDuplicates();
  }

  private interface Failing {
    void fail() throws Exception;
  }
}
