package dev.pgeventstore.examples.archive;

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
import dev.pgeventstore.examples.pools.Pools;
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
 * How can old history move from Kafka to cheaper storage? A reader copies it from the topic into a
 * file and checks that nothing is missing. The file is compared with the store. Then the records
 * can be deleted from the topic. A reader of the whole history reads the file first, and continues
 * with the topic.
 *
 * <p>It starts its own PostgreSQL server and Kafka broker. When it ends, it removes both, and the
 * file.
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
        HikariDataSource pool = Pools.of(server.createDatabase().url(), 6);
        EventStore store = store(pool)) {
      Topic topic = new Topic(broker.bootstrap(), "parcels").create(2);
      new ColdHistory(store, topic, System.out::println).run(file);
    } finally {
      Files.delete(file);
    }
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
      say("The archive has %d events of last year, identical to those in the store.", archived);

      topic.forget(copied.ends());
      long live = readOn(copied.marks());
      say(
          "They were deleted from the topic, which continues where the archive ends: %d events.",
          live);

      String damage = damage(archive, lastYear);
      tell.accept("A line of the archive is changed. The next comparison reports:");
      tell.accept("  " + damage);
      return new Outcome(archived, live, damage);
    }
  }

  /** Appends the same events for every parcel. */
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

  /**
   * Reads the rest of the topic. This fails if a record between the archive and the rest is
   * missing.
   */
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
   * The results of the run.
   *
   * @param archived the number of events in the file
   * @param live the number of events in the topic, without a gap after those in the file
   * @param damage the message of the comparison after a line was changed
   */
  record Outcome(long archived, long live, String damage) {}
}
