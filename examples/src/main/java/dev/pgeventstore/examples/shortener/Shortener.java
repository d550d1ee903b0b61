package dev.pgeventstore.examples.shortener;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.shortener.LinkEvent.Created;
import dev.pgeventstore.examples.shortener.LinkEvent.Redirected;
import dev.pgeventstore.examples.shortener.LinkEvent.Removed;
import dev.pgeventstore.examples.shortener.VisitEvent.Visited;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.InvalidStateStoreException;

/**
 * Short links lead to URLs, and people visit them. How many visits does each URL get? Two relays
 * publish the events, and Kafka Streams continuously updates the figures.
 *
 * <p>It starts its own PostgreSQL server and Kafka broker, and removes both when it ends.
 */
public final class Shortener {

  private static final Duration PATIENCE = Duration.ofSeconds(120);

  private final EventStore store;
  private final Topic links;
  private final Topic visits;
  private final Consumer<String> tell;

  Shortener(EventStore store, Topic links, Topic visits, Consumer<String> tell) {
    this.store = store;
    this.links = links;
    this.visits = visits;
    this.tell = tell;
  }

  /**
   * Runs the example.
   *
   * @param arguments none
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    try (PostgresServer server = PostgresServer.start();
        KafkaBroker broker = KafkaBroker.start();
        HikariDataSource pool = Pools.of(server.createDatabase().url(), 8);
        EventStore store = store(pool)) {
      Topic links = new Topic(broker.bootstrap(), "links").create(2);
      Topic visits = new Topic(broker.bootstrap(), "visits").create(2);
      new Shortener(store, links, visits, System.out::println).run();
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(LinkEvent.class, VisitEvent.class)))
        .build();
  }

  void run() throws Exception {
    Path folder = Files.createTempDirectory("shortener");
    try (KafkaRelay linkRelay = relay("link", links);
        KafkaRelay visitRelay = relay("visits", visits);
        KafkaStreams streams = streams(folder)) {
      streams.start();
      link("docs", new Created("https://example.org/docs"));
      link("news", new Created("https://example.org/news"));
      link("blog", new Created("https://example.org/news"));
      visit("docs", 40);
      visit("news", 25);
      visit("blog", 10);
      tell.accept("Three links, two of them to the same page, and 75 visits:");
      await(
          Map.of("https://example.org/docs", 40L, "https://example.org/news", 35L),
          VisitsPerUrl.COUNTS,
          streams);

      link("blog", new Redirected("https://example.org/blog"));
      visit("blog", 5);
      tell.accept("The blog gets a page of its own. Its visits move there, with 5 more:");
      await(
          Map.of(
              "https://example.org/docs", 40L,
              "https://example.org/news", 25L,
              "https://example.org/blog", 15L),
          VisitsPerUrl.COUNTS,
          streams);

      link("news", new Removed());
      tell.accept("The news are given up. Where the links lead now:");
      await(
          Map.of("docs", "https://example.org/docs", "blog", "https://example.org/blog"),
          VisitsPerUrl.LINKS,
          streams);
    } finally {
      Files.delete(folder);
    }
  }

  private KafkaRelay relay(String category, Topic topic) {
    return KafkaRelay.builder(store, topic.client())
        .name(topic.name())
        .topic(topic.name())
        .query(EventQuery.all().categories(category))
        .start();
  }

  private KafkaStreams streams(Path folder) {
    Properties config = new Properties();
    config.putAll(links.client());
    // The consumer group, internal topics and transactions are named after the application.
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, "visits-per-url-" + visits.name());
    // Reads committed records only, and counts none twice after a crash.
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    config.put(StreamsConfig.STATE_DIR_CONFIG, folder.toString());
    return new KafkaStreams(VisitsPerUrl.of(links.name(), visits.name()), config);
  }

  private AppendResult link(String code, LinkEvent event) {
    return store.append(StreamId.of("link", code), ExpectedVersion.any(), List.of(event));
  }

  private void visit(String code, int times) {
    StreamId stream = StreamId.of("visits", code);
    for (int i = 1; i <= times; i++) {
      store.append(stream, ExpectedVersion.any(), List.of(new Visited("visitor " + i)));
    }
  }

  /**
   * Waits until a table has the expected content, because the tables follow the events with a
   * delay.
   */
  private <V> void await(Map<String, V> wanted, String table, KafkaStreams streams)
      throws InterruptedException, TimeoutException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    Map<String, V> rows = read(table, streams);
    while (!rows.equals(wanted)) {
      if (System.nanoTime() > deadline) {
        throw new TimeoutException("%s has %s, not %s".formatted(table, rows, wanted));
      }
      Thread.sleep(50);
      rows = read(table, streams);
    }
    rows.forEach((key, value) -> tell.accept("  %-26s %s".formatted(key, value)));
  }

  private static <V> Map<String, V> read(String table, KafkaStreams streams) {
    try {
      return VisitsPerUrl.read(streams, table);
    } catch (InvalidStateStoreException e) {
      // The application is starting, or its partitions are being reassigned.
      return Map.of();
    }
  }
}
