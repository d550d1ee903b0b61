package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Many writers that commit in random order, roll back, prepare and dawdle, and two kinds of readers
 * beside them: a subscription, and a reader that asks for page after page. In the end both must
 * have read exactly what was committed, each event once, in the order of positions and versions.
 */
final class GlobalOrderTorture {

  private static final int WRITERS = 16;
  private static final int TRANSACTIONS_PER_WRITER = 40;
  private static final int STREAMS = 24;

  private final long seed;
  private final TestStore store;
  private final Set<UUID> committed = ConcurrentHashMap.newKeySet();
  private final List<RecordedEvent> subscribed = new ArrayList<>();
  private final List<RecordedEvent> paged = new ArrayList<>();
  private volatile boolean writing = true;

  private GlobalOrderTorture(long seed, TestStore store) {
    this.seed = seed;
    this.store = store;
  }

  /** Runs the torture once. Fails with the seed in its message if a reader has missed anything. */
  static void run(long seed, Database database) throws Exception {
    System.out.println("torture of the global order, seed " + seed);
    try (TestStore store = new TestStore(database)) {
      new GlobalOrderTorture(seed, store).run();
    }
  }

  private void run() throws Exception {
    ExecutorService threads = Executors.newCachedThreadPool();
    try (Subscription subscription =
        Subscriptions.of(store.store)
            .create("torture")
            .batchSize(20)
            .handler((events, connection) -> subscribed.addAll(events))
            .start()) {
      Future<?> pager = threads.submit(this::readPages);
      List<Future<?>> writers = new ArrayList<>();
      for (int w = 0; w < WRITERS; w++) {
        Random random = new Random(seed * 1_000 + w);
        int writer = w;
        writers.add(
            threads.submit(
                () -> {
                  write(writer, random);
                  return null;
                }));
      }
      for (Future<?> writer : writers) {
        writer.get(120, TimeUnit.SECONDS);
      }
      writing = false;
      pager.get(60, TimeUnit.SECONDS);
      // The last event: whoever has read it has read all of them, or has lost some.
      UUID last = UUID.randomUUID();
      subscription.awaitApplied(
          store.store.append(
              StreamId.of("last", "1"),
              ExpectedVersion.any(),
              List.of(NewEvent.of(TestStore.raw("last")).withId(last))),
          Duration.ofSeconds(60));
      committed.add(last);
      readPage();
      assertThat(subscription.status().state()).isEqualTo(SubscriptionStatus.State.RUNNING);
    } finally {
      threads.shutdownNow();
    }
    check("subscription", subscribed);
    check("pages", paged);
  }

  private void write(int writer, Random random) throws SQLException {
    try (Connection connection = store.database.open()) {
      for (int i = 0; i < TRANSACTIONS_PER_WRITER; i++) {
        List<UUID> ids = new ArrayList<>();
        if (random.nextInt(3) == 0) {
          append(random, ids, null);
          committed.addAll(ids);
          continue;
        }
        connection.setAutoCommit(false);
        // One stream for each transaction and thread, or transactions would wait for each other.
        append(random, ids, connection);
        if (random.nextInt(20) == 0) {
          TestStore.execute(connection, "select pg_sleep(0.1)");
        } else if (random.nextBoolean()) {
          TestStore.execute(connection, "select pg_sleep(" + random.nextDouble() / 200 + ")");
        }
        int end = random.nextInt(20);
        if (end < 2) {
          connection.rollback();
        } else if (end < 5) {
          String name = "'%d-%d-%s'".formatted(writer, i, UUID.randomUUID());
          TestStore.execute(connection, "prepare transaction " + name);
          connection.setAutoCommit(true);
          if (end == 2) {
            TestStore.execute(connection, "rollback prepared " + name);
          } else {
            TestStore.execute(connection, "commit prepared " + name);
            committed.addAll(ids);
          }
        } else {
          connection.commit();
          committed.addAll(ids);
        }
        connection.setAutoCommit(true);
      }
    }
  }

  private void append(Random random, List<UUID> ids, @Nullable Connection connection) {
    List<NewEvent> events = new ArrayList<>();
    for (int i = random.nextInt(4); i >= 0; i--) {
      UUID id = UUID.randomUUID();
      ids.add(id);
      events.add(NewEvent.of(TestStore.raw("happened")).withId(id));
    }
    StreamId stream = StreamId.of("tortured", "" + random.nextInt(STREAMS));
    (connection == null ? store.store : store.store.within(connection))
        .append(stream, ExpectedVersion.any(), events);
  }

  private void readPages() {
    while (writing) {
      readPage();
    }
  }

  private void readPage() {
    EventPage page;
    do {
      Position after = paged.isEmpty() ? Position.START : paged.get(paged.size() - 1).position();
      page = store.store.readAll(after, 50);
      paged.addAll(page.events());
    } while (!page.isLast());
  }

  private void check(String reader, List<RecordedEvent> read) {
    Map<StreamId, Long> versions = new HashMap<>();
    long position = 0;
    for (RecordedEvent event : read) {
      assertThat(event.position().value())
          .as("position after %d read by %s, seed %d", position, reader, seed)
          .isGreaterThan(position);
      position = event.position().value();
      assertThat(event.version())
          .as("version of %s read by %s, seed %d", event, reader, seed)
          .isEqualTo(versions.merge(event.stream(), 1L, Long::sum));
    }
    assertThat(read.stream().map(RecordedEvent::id))
        .as("events read by %s, seed %d", reader, seed)
        .hasSize(committed.size())
        .containsAll(committed);
  }
}
