package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.Append;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.RecordedMessage;
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
 * Many writers that commit in random order, roll back, prepare and dawdle, and three kinds of
 * readers beside them: a subscription, a reader that asks for page after page, and one that reads
 * messages and deletes them, as a relay does. In the end all must have read exactly what was
 * committed, each event and message once, in the order of positions and versions.
 */
final class GlobalOrderTorture {

  private static final int WRITERS = 16;
  private static final int TRANSACTIONS_PER_WRITER = 40;
  private static final int STREAMS = 24;
  private static final String RELAY = "relay";

  private final long seed;
  private final TestStore store;
  private final Set<UUID> committed = ConcurrentHashMap.newKeySet();
  private final List<RecordedEvent> subscribed = new ArrayList<>();
  private final List<RecordedEvent> paged = new ArrayList<>();
  private final Set<UUID> published = ConcurrentHashMap.newKeySet();
  private final List<RecordedMessage> relayed = new ArrayList<>();
  private Position relayedUpTo = Position.START;
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
            .handler(batch -> subscribed.addAll(batch.events()))
            .start()) {
      Future<?> pager = threads.submit(this::readPages);
      Future<?> relay = threads.submit(this::readMessages);
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
      relay.get(60, TimeUnit.SECONDS);
      // The last event: a reader that has read it has either read all events or missed some.
      UUID last = UUID.randomUUID();
      subscription.awaitApplied(
          store.store.append(
              StreamId.of("last", "1"),
              ExpectedVersion.any(),
              List.of(NewEvent.of(TestStore.raw("last")).withId(last))),
          Duration.ofSeconds(60));
      committed.add(last);
      readPage();
      relayMessages();
      assertThat(subscription.status().state()).isEqualTo(SubscriptionStatus.State.RUNNING);
    } finally {
      threads.shutdownNow();
    }
    check("subscription", subscribed);
    check("pages", paged);
    assertThat(relayed.stream().map(m -> m.position().value()))
        .as("positions of messages, seed %d", seed)
        .isSorted()
        .doesNotHaveDuplicates();
    assertThat(relayed.stream().map(m -> m.message().id()))
        .as("messages, seed %d", seed)
        .hasSize(published.size())
        .containsAll(published);
    assertThat(store.query("select count(*) from eventstore.outbox")).isEqualTo("0");
  }

  private void write(int writer, Random random) throws SQLException {
    try (Connection connection = store.database.open()) {
      for (int i = 0; i < TRANSACTIONS_PER_WRITER; i++) {
        List<UUID> ids = new ArrayList<>();
        List<UUID> messages = new ArrayList<>();
        if (random.nextInt(3) == 0) {
          write(random, ids, messages, null);
          committed.addAll(ids);
          published.addAll(messages);
          continue;
        }
        connection.setAutoCommit(false);
        // One stream for each transaction and thread, or transactions would wait for each other.
        write(random, ids, messages, connection);
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
            published.addAll(messages);
          }
        } else {
          connection.commit();
          committed.addAll(ids);
          published.addAll(messages);
        }
        connection.setAutoCommit(true);
      }
    }
  }

  /** Events, messages, or both; messages alone draw positions under no other table's insert. */
  private void write(
      Random random, List<UUID> ids, List<UUID> messageIds, @Nullable Connection connection) {
    EventStreams streams = connection == null ? store.store : store.store.within(connection);
    List<OutboxMessage> messages = new ArrayList<>();
    for (int i = random.nextInt(3); i > 0; i--) {
      OutboxMessage message = OutboxMessage.to(RELAY, "topic").key("" + random.nextInt(9));
      messages.add(message);
      messageIds.add(message.id());
    }
    if (!messages.isEmpty() && random.nextBoolean()) {
      Outbox.of(streams).publish(messages);
    } else {
      append(random, ids, messages, streams);
    }
  }

  private static void append(
      Random random, List<UUID> ids, List<OutboxMessage> messages, EventStreams streams) {
    List<NewEvent> events = new ArrayList<>();
    for (int i = random.nextInt(4); i >= 0; i--) {
      UUID id = UUID.randomUUID();
      ids.add(id);
      events.add(NewEvent.of(TestStore.raw("happened")).withId(id));
    }
    StreamId stream = StreamId.of("tortured", "" + random.nextInt(STREAMS));
    streams.append(Append.to(stream, ExpectedVersion.any(), events).messages(messages));
  }

  private void readMessages() {
    while (writing) {
      relayMessages();
    }
  }

  private void relayMessages() {
    EventFeed feed = store.store.unwrap(EventFeed.class).orElseThrow();
    Position mark = feed.highWaterMark();
    List<RecordedMessage> page;
    do {
      page = feed.messages(RELAY, 0, 1, relayedUpTo, mark, 20);
      relayed.addAll(page);
      relayedUpTo = page.size() < 20 ? mark : page.get(19).position();
      feed.deleteMessages(RELAY, 0, 1, relayedUpTo);
    } while (page.size() == 20);
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
      page = store.store.readPage(after, 50);
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
