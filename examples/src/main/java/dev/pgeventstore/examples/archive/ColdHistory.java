package dev.pgeventstore.examples.archive;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.archive.ParcelEvent.Posted;
import dev.pgeventstore.examples.archive.ParcelEvent.Scanned;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.Watermarks;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * History that nobody asks for any more is to lie where it is cheap. A reader copies it from the
 * topic into a file and proves that nothing is missing, and the file is compared with the store.
 * Then the topic may forget it. Who wants all of it reads the file, and goes on with the topic.
 *
 * <p>It starts a PostgreSQL server and a Kafka broker of its own, and removes both, and the file,
 * when it ends.
 */
public final class ColdHistory {

  static final int PARCELS = 60;

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final EventStore store;
  private final Topic topic;
  private final Consumer<String> tell;
  private final RecordDecoder decoder = RecordDecoder.of(codec());

  ColdHistory(EventStore store, Topic topic, Consumer<String> tell) {
    this.store = store;
    this.topic = topic;
    this.tell = tell;
  }

  /**
   * Runs the example.
   *
   * @param arguments none
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    Path file = Files.createTempFile("parcels", ".jsonl");
    try (PostgresServer server = PostgresServer.start();
        KafkaBroker broker = KafkaBroker.start();
        HikariDataSource pool = pool(server.createDatabase().url());
        EventStore store = store(pool)) {
      Topic topic = new Topic(broker.bootstrap(), "parcels").create(2);
      new ColdHistory(store, topic, System.out::println).run(file);
    } finally {
      Files.delete(file);
    }
  }

  static HikariDataSource pool(String url) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(url);
    config.setMaximumPoolSize(6);
    return new HikariDataSource(config);
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool).codec(codec()).build();
  }

  private static JacksonCodec codec() {
    return JacksonCodec.of(EventTypes.of(ParcelEvent.class));
  }

  Outcome run(Path path) throws IOException, InterruptedException, TimeoutException {
    try (KafkaRelay relay =
        KafkaRelay.builder(store, topic.client()).name(topic.name()).topic(topic.name()).start()) {
      Position lastYear = all(new Posted("Main Street"), new Scanned("Lyon")).position();
      AppendResult thisYear = all(new Scanned("Turin"));
      relay.awaitPublished(thisYear, PATIENCE);

      ArchiveFile archive = new ArchiveFile(path);
      ArchiveFile.Copied copied = archive.copy(topic, decoder, lastYear);
      long archived = archive.verify(store, lastYear);
      say("%d events of last year are in the archive, each as the store has it.", archived);

      topic.forget(copied.ends());
      long live = readOn(copied.marks());
      say("The topic has forgotten them, and goes on where the archive ends: %d events.", live);

      String damage = damage(archive, lastYear);
      tell.accept("A line of the archive is changed. Whoever compares again is told:");
      tell.accept("  " + damage);
      return new Outcome(archived, live, damage);
    }
  }

  /** Something happens to every parcel. */
  private AppendResult all(ParcelEvent... events) {
    AppendResult last = null;
    for (int i = 1; i <= PARCELS; i++) {
      StreamId parcel = StreamId.of("parcel", Integer.toString(i));
      last = store.append(parcel, ExpectedVersion.any(), List.of(events));
    }
    if (last == null) {
      throw new IllegalStateException("there are no parcels");
    }
    return last;
  }

  /** Reads what the topic still has, and would fail if anything was missing before it. */
  private long readOn(Watermarks marks) {
    AtomicLong events = new AtomicLong();
    topic.readAll(
        record -> {
          if (marks.isNew(decoder.decode(record).orElseThrow())) {
            events.incrementAndGet();
          }
        });
    return events.get();
  }

  private String damage(ArchiveFile archive, Position upTo) throws IOException {
    String content = Files.readString(archive.path());
    Files.writeString(archive.path(), content.replaceFirst("Lyon", "Rome"));
    try {
      archive.verify(store, upTo);
      return "nothing";
    } catch (IllegalStateException e) {
      return e.getMessage();
    }
  }

  private void say(String what, long events) {
    tell.accept(what.formatted(events));
  }

  /**
   * What was read where.
   *
   * @param archived events in the file
   * @param live events in the topic, without a gap between the two
   * @param damage what was said when a line was changed
   */
  record Outcome(long archived, long live, String damage) {}
}
