package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionListener.LeaseEnded;
import dev.pgeventstore.subscription.SubscriptionListener.Stopped;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Threads of the engine that close what others of them run, at the same time. */
@ExtendWith(PostgresExtension.class)
class ClosingTogetherTest {

  /** Shorter than what any of them waits for at most. */
  private static final Duration PATIENCE = Duration.ofSeconds(8);

  private TestStore store;
  private final CyclicBarrier both = new CyclicBarrier(2);

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
  }

  @AfterEach
  void close() throws InterruptedException {
    // A store whose threads wait for each other does not close.
    Thread closing = new Thread(store::close);
    closing.setDaemon(true);
    closing.start();
    closing.join(PATIENCE.toMillis());
    assertThat(closing.isAlive()).isFalse();
  }

  private void meet() {
    try {
      both.await(30, TimeUnit.SECONDS);
    } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
      throw new IllegalStateException(e);
    }
  }

  private void closeStoreTogether() {
    meet();
    store.store.close();
  }

  private void awaitAllGivenBack() {
    await()
        .atMost(PATIENCE)
        .until(() -> count("leases where owner is not null or lease_until is not null") == 0);
    awaitNoMembers();
  }

  private int count(String of) throws SQLException {
    return Integer.parseInt(store.query("select count(*) from eventstore." + of));
  }

  @Test
  void two_handlers_close_the_store_at_once() throws Exception {
    for (String name : List.of("first", "second")) {
      Subscriptions.of(store.store).create(name).handler(batch -> closeStoreTogether()).start();
    }
    store.append("order-1");

    awaitAllGivenBack();
    assertThat(store.query("select min(position) from eventstore.subscriptions")).isEqualTo("1");
  }

  @Test
  void two_handlers_close_each_other() throws Exception {
    CompletableFuture<Subscription> first = new CompletableFuture<>();
    CompletableFuture<Subscription> second = new CompletableFuture<>();
    first.complete(
        Subscriptions.of(store.store)
            .create("first")
            .handler(
                batch -> {
                  meet();
                  second.get().close();
                })
            .start());
    second.complete(
        Subscriptions.of(store.store)
            .create("second")
            .handler(
                batch -> {
                  meet();
                  first.get().close();
                })
            .start());
    store.append("order-1");

    awaitAllGivenBack();
    assertThat(store.query("select min(position) from eventstore.subscriptions")).isEqualTo("1");
  }

  @Test
  void two_partitions_close_the_store_at_once() throws Exception {
    // Before the handlers are there that close it.
    for (int order = 0; order < 10; order++) {
      store.append("order-" + order);
    }
    AtomicInteger called = new AtomicInteger();
    Subscriptions.of(store.store)
        .create("view")
        .partitions(2)
        .batchSize(1)
        .handler(
            batch -> {
              if (called.incrementAndGet() <= 2) {
                closeStoreTogether();
              }
            })
        .start();

    awaitAllGivenBack();
  }

  @Test
  void a_handler_and_a_followers_handler_close_each_other() throws Exception {
    CompletableFuture<Follower> follower = new CompletableFuture<>();
    CountDownLatch closed = new CountDownLatch(1);
    Subscription view =
        Subscriptions.of(store.store)
            .create("view")
            .handler(
                batch -> {
                  meet();
                  follower.get().close();
                })
            .start();
    follower.complete(
        Subscriptions.of(store.store)
            .follow(EventQuery.all())
            .handler(
                events -> {
                  meet();
                  view.close();
                  closed.countDown();
                })
            .start());
    store.append("order-1");

    awaitAllGivenBack();
    assertThat(closed.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    follower.get().close();
    assertThat(follower.get().status().state()).isEqualTo(Follower.State.STOPPED);
  }

  @Test
  void two_followers_close_each_other() throws Exception {
    CompletableFuture<Follower> first = new CompletableFuture<>();
    CompletableFuture<Follower> second = new CompletableFuture<>();
    first.complete(
        Subscriptions.of(store.store)
            .follow(EventQuery.all())
            .handler(
                events -> {
                  meet();
                  second.get().close();
                })
            .start());
    second.complete(
        Subscriptions.of(store.store)
            .follow(EventQuery.all())
            .handler(
                events -> {
                  meet();
                  first.get().close();
                })
            .start());
    store.append("order-1");

    for (Follower follower : List.of(first.get(), second.get())) {
      await().atMost(PATIENCE).until(() -> follower.status().state() == Follower.State.STOPPED);
    }
  }

  @Test
  void two_listeners_close_the_store_at_once() throws Exception {
    for (String name : List.of("first", "second")) {
      Subscriptions.of(store.store)
          .create(name)
          .onFailure(FailurePolicy.stop())
          .listener(
              new SubscriptionListener() {
                @Override
                public void stopped(Stopped stop) {
                  closeStoreTogether();
                }
              })
          .handler(
              batch -> {
                throw new IllegalStateException("on purpose");
              })
          .start();
    }
    store.append("order-1");

    awaitAllGivenBack();
  }

  @Test
  void a_handler_and_a_dependent_action_close_the_store_at_once() throws Exception {
    Subscriptions.of(store.store).create("view").handler(batch -> closeStoreTogether()).start();
    CompletableFuture<Void> closed =
        store
            .store
            .appendAsync(
                StreamId.parse("order-1"),
                ExpectedVersion.any(),
                List.of(TestStore.raw("happened")))
            .thenRun(this::closeStoreTogether);

    closed.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    awaitAllGivenBack();
  }

  @Test
  void a_listener_closes_the_store_while_another_thread_starts_a_subscription() throws Exception {
    CompletableFuture<Thread> starting = new CompletableFuture<>();
    CountDownLatch told = new CountDownLatch(1);
    Subscriptions.of(store.store)
        .create("removed")
        .leaseTime(Duration.ofSeconds(1))
        .listener(
            new SubscriptionListener() {
              @Override
              public void stopped(Stopped stop) {
                told.countDown();
                awaitWaiting(starting.join());
                store.store.close();
              }
            })
        .handler(batch -> {})
        .start();
    try (Connection connection = store.begin()) {
      TestStore.execute(
          connection, "delete from eventstore.subscriptions; delete from eventstore.leases");
      connection.commit();
    }
    assertThat(told.await(30, TimeUnit.SECONDS)).isTrue();
    Thread thread =
        new Thread(() -> Subscriptions.of(store.store).create("view").handler(batch -> {}).start());
    thread.start();
    starting.complete(thread);

    thread.join(PATIENCE.toMillis());
    assertThat(thread.isAlive()).isFalse();
    awaitAllGivenBack();
  }

  /** A member that has stopped would still get partitions, until its row expires. */
  @Test
  void a_listener_starts_a_subscription_after_the_last_partition_of_its_own_has_ended()
      throws Exception {
    CountDownLatch taken = new CountDownLatch(1);
    CountDownLatch ended = new CountDownLatch(1);
    CompletableFuture<Subscription> next = new CompletableFuture<>();
    Subscriptions.of(store.store)
        .create("removed")
        .listener(
            new SubscriptionListener() {
              @Override
              public void leaseTaken(LeaseTaken lease) {
                taken.countDown();
              }

              @Override
              public void leaseEnded(LeaseEnded lease) {
                ended.countDown();
              }

              @Override
              public void stopped(Stopped stop) {
                awaitEnd(ended);
                awaitNoMembers();
                next.complete(
                    Subscriptions.of(store.store).create("next").handler(batch -> {}).start());
              }
            })
        .leaseTime(Duration.ofSeconds(1))
        .handler(batch -> {})
        .start();
    assertThat(taken.await(30, TimeUnit.SECONDS)).isTrue();
    store.execute("delete from eventstore.subscriptions; delete from eventstore.leases");

    next.get(30, TimeUnit.SECONDS);
    assertThat(store.query("select string_agg(name, ',') from eventstore.subscription_members"))
        .isEqualTo("next");
  }

  private static void awaitEnd(CountDownLatch ended) {
    try {
      assertThat(ended.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private void awaitNoMembers() {
    await().atMost(PATIENCE).until(() -> count("subscription_members") == 0);
  }

  /** Until it waits for something, or has ended. */
  private static void awaitWaiting(Thread thread) {
    await()
        .atMost(PATIENCE)
        .until(
            () ->
                !thread.isAlive()
                    || Stream.of(thread.getStackTrace())
                        .anyMatch(frame -> frame.getMethodName().equals("park")));
  }

  @Test
  void a_definition_closes_the_store_while_the_live_version_waits_for_its_promotion()
      throws Exception {
    CountDownLatch closed = new CountDownLatch(1);
    Visits closing =
        new Visits() {
          @Override
          public void promote(String table, Connection connection) throws Exception {
            super.promote(table, connection);
            String own = TestStore.query(connection, "select pg_backend_pid()");
            store.append("page-1");
            await()
                .atMost(PATIENCE)
                .until(
                    () ->
                        store
                            .query(
                                "select count(*) from pg_stat_activity where "
                                    + own
                                    + " = any (pg_blocking_pids(pid))")
                            .equals("1"));
            store.store.close();
            closed.countDown();
          }
        };
    Projections projections = Projections.of(store.store);
    Projection live = projections.create("visits", 1).definition(new Visits()).start();
    live.promote(PATIENCE);
    Projection next = projections.create("visits", 2).definition(closing).start();
    Thread promoting =
        new Thread(
            () -> {
              try {
                next.promote(PATIENCE);
              } catch (TimeoutException | InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    promoting.setDaemon(true);
    promoting.start();

    assertThat(closed.await(30, TimeUnit.SECONDS)).isTrue();
    promoting.join(PATIENCE.toMillis());
    assertThat(next.isLive()).isTrue();
    awaitAllGivenBack();
  }
}
