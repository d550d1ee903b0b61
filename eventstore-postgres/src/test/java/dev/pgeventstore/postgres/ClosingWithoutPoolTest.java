package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A pool that neither returns a connection nor fails. */
@ExtendWith(PostgresExtension.class)
@Tag("faults")
class ClosingWithoutPoolTest {

  private static final Duration PROMISED = Duration.ofSeconds(30);

  private final CountDownLatch gives = new CountDownLatch(1);
  private final AtomicInteger waiting = new AtomicInteger();
  private final AtomicInteger open = new AtomicInteger();
  private volatile boolean exhausted;

  @Test
  void a_store_is_closed_all_the_same_and_gives_back_what_it_is_given_later(Database database)
      throws Exception {
    PostgresEventStore store =
        PostgresEventStore.builder(pool(database))
            .codec(JacksonCodec.of(EventTypes.none()))
            .build();
    for (int i = 0; i < 5; i++) {
      // These have nothing to handle, and something to store: how far they have come.
      Subscriptions.of(store).create("idle" + i).category("none").handler(batch -> {}).start();
    }
    var view = Subscriptions.of(store).create("view").handler(batch -> {}).start();
    StreamId stream = StreamId.of("order", "1");
    view.awaitApplied(
        store.append(stream, ExpectedVersion.any(), List.of(TestStore.raw("happened"))),
        Duration.ofMinutes(1));
    exhausted = true;
    CompletableFuture<AppendResult> refused =
        store.appendAsync(stream, ExpectedVersion.any(), List.of(TestStore.raw("happened")));
    await().until(() -> waiting.get() > 0);

    Thread closing = new Thread(store::close, "closing");
    closing.start();
    closing.join(PROMISED.toMillis());

    assertThat(closing.isAlive()).isFalse();
    assertThatThrownBy(refused::join).hasCauseInstanceOf(EventStoreException.class);
    gives.countDown();
    await().atMost(PROMISED).until(() -> open.get() == 0);
  }

  @Test
  void neither_an_import_nor_many_subscriptions_that_wait_for_a_lease_take_longer(Database database)
      throws Exception {
    try (TestStore other = new TestStore(database)) {
      PostgresEventStore store =
          PostgresEventStore.builder(pool(database))
              .codec(JacksonCodec.of(EventTypes.none()))
              .build();
      for (int i = 0; i < 20; i++) {
        Subscriptions.of(other.store).create("view" + i).handler(batch -> {}).start();
        Subscriptions.of(store).create("view" + i).handler(batch -> {}).start();
      }
      exhausted = true;
      waiting.set(0);
      FutureTask<ImportProgress> importing =
          new FutureTask<>(
              () ->
                  store
                      .importer()
                      .run(List.of(ImportedEvent.of(StreamId.of("order", "1"), event()))));
      new Thread(importing, "importing").start();
      await().until(() -> waiting.get() > 0);

      Thread closing = new Thread(store::close, "closing");
      closing.start();
      closing.join(PROMISED.toMillis());

      assertThat(closing.isAlive()).isFalse();
      gives.countDown();
      assertThatThrownBy(importing::get).hasRootCauseMessage("the event store is closed");
      assertThat(other.settled()).isEmpty();
      await().atMost(PROMISED).until(() -> open.get() == 0);
    }
  }

  private static NewEvent event() {
    return NewEvent.of(TestStore.raw("happened"));
  }

  private DataSource pool(Database database) {
    DataSource real = database.dataSource();
    return proxy(
        DataSource.class,
        real,
        (name, result) -> {
          if (!name.equals("getConnection")) {
            return result.get();
          }
          if (exhausted) {
            waiting.incrementAndGet();
            gives.await();
          }
          Connection connection = (Connection) result.get();
          open.incrementAndGet();
          return proxy(
              Connection.class,
              connection,
              (called, back) -> {
                if (called.equals("close") && !connection.isClosed()) {
                  open.decrementAndGet();
                }
                return back.get();
              });
        });
  }

  private static <T> T proxy(Class<T> type, T target, Around around) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> {
              try {
                return around.call(method.getName(), () -> method.invoke(target, arguments));
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            }));
  }

  private interface Around {
    Object call(String name, Result result) throws Exception;
  }

  private interface Result {
    Object get() throws Exception;
  }
}
