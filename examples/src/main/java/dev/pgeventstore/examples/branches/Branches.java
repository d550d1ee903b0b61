package dev.pgeventstore.examples.branches;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.branches.SaleEvent.Sold;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.consumer.GapException;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * A company has a branch in Berlin and one in Paris. Each branch has its own store, which does not
 * depend on the other, and both publish to one topic. The head office reads the topic, and can
 * prove that it has every event of both branches exactly once.
 *
 * <p>It starts its own PostgreSQL server and Kafka broker, and removes both when it ends.
 */
public final class Branches {

  static final int SALES = 100;

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final EventStore berlin;
  private final EventStore paris;
  private final Topic topic;
  private final Consumer<String> tell;

  Branches(EventStore berlin, EventStore paris, Topic topic, Consumer<String> tell) {
    this.berlin = berlin;
    this.paris = paris;
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
    try (PostgresServer server = PostgresServer.start();
        KafkaBroker broker = KafkaBroker.start();
        HikariDataSource berlinPool = Pools.of(server.createDatabase().url(), 6);
        HikariDataSource parisPool = Pools.of(server.createDatabase().url(), 6);
        EventStore berlin = store(berlinPool);
        EventStore paris = store(parisPool)) {
      Topic topic = new Topic(broker.bootstrap(), "sales").create(2);
      new Branches(berlin, paris, topic, System.out::println).run();
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(SaleEvent.class)))
        .build();
  }

  Outcome run() throws InterruptedException, TimeoutException {
    try (KafkaRelay fromBerlin = relay("berlin", berlin);
        KafkaRelay fromParis = relay("paris", paris)) {
      AppendResult inBerlin = null;
      AppendResult inParis = null;
      for (int i = 1; i <= SALES; i++) {
        inBerlin = sell(i, 2_00, berlin);
        inParis = sell(i, 3_00, paris);
      }
      tell.accept(
          "%d sales in Berlin, %d in Paris, at tills of the same names.".formatted(SALES, SALES));
      fromBerlin.awaitPublished(inBerlin, PATIENCE);
      fromParis.awaitPublished(inParis, PATIENCE);
    }
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    topic.readAll(records::add);

    Turnover turnover = new Turnover();
    records.forEach(turnover::add);
    tell.accept("The head office has read the topic, where the two are mixed:");
    turnover
        .cents()
        .forEach((branch, cents) -> tell.accept("  %-6s %d.00".formatted(branch, cents / 100)));
    tell.accept("None of %d sequences has a gap or a repetition.".formatted(turnover.sequences()));

    String gap = missing(records.get(10), records);
    tell.accept("If a record was missing, the reader would report it:");
    tell.accept("  " + gap);
    return new Outcome(turnover.cents(), turnover.sequences(), gap);
  }

  /**
   * Each relay has its own name, which is in every record and distinguishes the sequences. If both
   * relays had the same name, readers would take the records of one for repetitions of the other's.
   */
  private KafkaRelay relay(String branch, EventStore store) {
    return KafkaRelay.builder(store, topic.client())
        .name(branch)
        .topic(topic.name())
        .source("/branches/" + branch)
        // The topic may already have records of the other relay, so the start must be stated.
        .startAfter(Position.START)
        .start();
  }

  private static AppendResult sell(int number, long cents, EventStore store) {
    StreamId till = StreamId.of("till", Integer.toString(number % 7));
    return store.append(till, ExpectedVersion.any(), List.of(new Sold(cents)));
  }

  /** The message of the reader if one of the records is missing. */
  private static String missing(
      ConsumerRecord<byte[], byte[]> lost, List<ConsumerRecord<byte[], byte[]>> records) {
    Turnover turnover = new Turnover();
    try {
      records.stream().filter(record -> record != lost).forEach(turnover::add);
    } catch (GapException e) {
      return e.getMessage();
    }
    return "";
  }

  /**
   * The results that the head office has.
   *
   * @param cents the turnover of each branch
   * @param sequences the number of sequences that were verified
   * @param gap the message when a record was left out
   */
  record Outcome(Map<String, Long> cents, int sequences, String gap) {}
}
