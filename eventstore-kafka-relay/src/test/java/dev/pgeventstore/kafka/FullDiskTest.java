package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionState;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.RelayedBatch;
import dev.pgeventstore.kafka.consumer.RelayedConsumer;
import dev.pgeventstore.kafka.consumer.RelayedRecord;
import dev.pgeventstore.kafka.consumer.WatermarkInbox;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.io.IOException;
import java.net.Socket;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A disk that is full: that of the database, of the broker, and of a consumer's database. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Tag("faults")
@Order(1)
class FullDiskTest {

  private static final String NO_SPACE = "No space left on device";
  private static final Duration UNHEALTHY_AFTER = Duration.ofSeconds(2);

  /** It keeps few files of its log, so that a small disk has room for the rest. */
  private static final Map<String, String> SMALL =
      Map.of("min_wal_size", "32MB", "max_wal_size", "48MB", "checkpoint_timeout", "30");

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void while_the_databases_is_full_appends_are_refused_and_afterwards_all_go_on_by_themselves(
      Shape shape, KafkaBroker broker) throws Exception {
    try (SmallDisk disk = SmallDisk.mount(200);
        PostgresServer server = PostgresServer.startOn(disk.folder(), SMALL);
        Bench bench = new Bench(server.createDatabase(), broker, shape);
        KafkaRelay relay = relay(bench).start()) {
      MessageLoad load = startLoad(bench, relay);
      disk.fill();
      await().atMost(Bench.PATIENCE).until(() -> load.refusal().contains(NO_SPACE));
      disk.free();
      awaitCommitted(load, 500);
      requireAllPublished(bench, relay, load);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void a_database_that_ends_because_its_is_full_is_waited_for(Shape shape, KafkaBroker broker)
      throws Exception {
    try (SmallDisk disk = SmallDisk.mount(200);
        PostgresServer server = PostgresServer.startOn(disk.folder(), SMALL);
        Bench bench = new Bench(server.createDatabase(), broker, shape);
        KafkaRelay relay = relay(bench).start()) {
      MessageLoad load = startLoad(bench, relay);
      disk.fill();
      useUpLog(bench.database.url());
      await().atMost(Bench.PATIENCE).until(() -> saysWhy(relay));
      disk.free();
      server.restart();
      awaitCommitted(load, 500);
      requireAllPublished(bench, relay, load);
    }
  }

  /** Writes to the database's log until there is no server any more. */
  private static void useUpLog(String url) {
    await()
        .atMost(Bench.PATIENCE)
        .until(
            () -> {
              try (Connection connection = new Database(url).open();
                  Statement statement = connection.createStatement()) {
                statement.execute(
                    "select pg_logical_emit_message(false, 'filler', repeat('x', 8000000))");
                return false;
              } catch (SQLException e) {
                return !accepts(url);
              }
            });
  }

  private static boolean accepts(String url) {
    try (Connection connection = new Database(url).open()) {
      return true;
    } catch (SQLException e) {
      return false;
    }
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void a_broker_that_ends_because_its_is_full_is_waited_for(Shape shape, Database database)
      throws Exception {
    try (SmallDisk disk = SmallDisk.mount(100);
        KafkaBroker broker = KafkaBroker.startOn(disk.folder());
        Bench bench = new Bench(database, broker, shape);
        KafkaRelay relay = relay(bench).start()) {
      MessageLoad load = startLoad(bench, relay);
      disk.fill();
      await().atMost(Bench.PATIENCE).until(() -> saysWhy(relay));
      await().atMost(Bench.PATIENCE).until(() -> !answers(broker));
      awaitCommitted(load, 500);
      assertThat(load.refusal()).isEmpty();
      disk.free();
      broker.restart();
      requireAllPublishedOrLostByKafka(bench, relay, load);
    }
  }

  /** Rows take room, and marks do not: it has handled some records, and not others. */
  @Test
  void a_consumer_whose_databases_is_full_or_makes_it_end_waits_and_sets_nothing_aside(
      Database database, KafkaBroker broker) throws Exception {
    try (SmallDisk disk = SmallDisk.mount(200);
        PostgresServer server = PostgresServer.startOn(disk.folder(), SMALL);
        HikariDataSource own = Bench.pool(server.createDatabase().url());
        Bench bench = new Bench(database, broker);
        KafkaRelay relay = bench.relay().start()) {
      String deadLetters = bench.topic + "-dead";
      bench.createTopic(deadLetters, 1);
      WatermarkInbox inbox =
          WatermarkInbox.builder(
                  "group-of-" + bench.topic, RecordDecoder.of(JacksonCodec.of(EventTypes.none())))
              .build();
      inbox.createTable(own);
      execute(own, "create table work (number bigserial, part int, position bigint, room text)");
      try (RelayedConsumer consumer =
          RelayedConsumer.builder(
                  Map.of("bootstrap.servers", broker.bootstrap()), own, inbox, FullDiskTest::work)
              .topics(bench.topic)
              .retries(0)
              .backOff(Duration.ofMillis(10), Duration.ofMillis(200))
              .unhealthyAfter(UNHEALTHY_AFTER)
              .deadLetters(deadLetters)
              .start()) {
        appendToAll(bench);
        await().atMost(Bench.PATIENCE).until(() -> consumer.status().handled() == 30);
        disk.fill();
        appendToAll(bench);
        await().atMost(Bench.PATIENCE).until(() -> standsFor(consumer, NO_SPACE));
        await().atMost(Bench.PATIENCE).until(() -> !consumer.status().isHealthy());
        disk.free();
        await().atMost(Bench.PATIENCE).until(() -> consumer.status().handled() == 60);

        disk.fill();
        useUpLog(server.url("postgres"));
        appendToAll(bench);
        await().atMost(Bench.PATIENCE).until(() -> standsFor(consumer, ""));
        disk.free();
        server.restart();
        await().atMost(Bench.PATIENCE).until(() -> consumer.status().handled() == 90);
        await().atMost(Bench.PATIENCE).until(() -> consumer.status().isHealthy());
        assertThat(consumer.status().deadLetters()).isZero();
      }
      assertThat(worked(own)).isEqualTo(published(bench));
    }
  }

  private static void appendToAll(Bench bench) {
    for (int stream = 0; stream < 10; stream++) {
      bench.append("order-" + stream, 3);
    }
  }

  /** Every partition that has something to do says so. */
  private static boolean standsFor(RelayedConsumer consumer, String failure) {
    List<PartitionStatus> standing =
        consumer.status().partitions().values().stream()
            .filter(partition -> partition.state() != PartitionState.RUNNING)
            .toList();
    assertThat(standing)
        .allSatisfy(
            partition -> {
              assertThat(partition.state()).isEqualTo(PartitionState.RETRYING);
              assertThat(partition.attempts()).isZero();
            });
    return standing.size() == Bench.PARTITIONS
        && standing.stream()
            .allMatch(partition -> partition.failure().orElse("").contains(failure));
  }

  /** What it writes is so much that it finds no room between what is there. */
  private static void work(RelayedBatch batch) throws SQLException {
    try (PreparedStatement insert =
        batch
            .connection()
            .prepareStatement(
                "insert into work (part, position, room) select ?, ?, string_agg(md5(i::text || random()), '') from generate_series(1, 250) i")) {
      for (RelayedRecord record : batch) {
        insert.setInt(1, record.sequence().partition());
        insert.setLong(2, record.place().position().value());
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  private static void execute(HikariDataSource pool, String sql) throws SQLException {
    try (Connection connection = pool.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static Map<Integer, List<Long>> worked(HikariDataSource pool) throws SQLException {
    Map<Integer, List<Long>> worked = new HashMap<>();
    try (Connection connection = pool.getConnection();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("select part, position from work order by number")) {
      while (row.next()) {
        worked.computeIfAbsent(row.getInt(1), key -> new ArrayList<>()).add(row.getLong(2));
      }
    }
    return worked;
  }

  private static Map<Integer, List<Long>> published(Bench bench) {
    Map<Integer, List<Long>> published = new HashMap<>();
    bench
        .consumed()
        .forEach(
            record ->
                published
                    .computeIfAbsent(record.partition(), key -> new ArrayList<>())
                    .add(Long.parseLong(ExactSequence.header(record, "es_position"))));
    return published;
  }

  private static KafkaRelay.Builder relay(Bench bench) {
    return bench.relay().unhealthyAfter(UNHEALTHY_AFTER);
  }

  /** It has published some of it. */
  private static MessageLoad startLoad(Bench bench, KafkaRelay relay) throws Exception {
    MessageLoad load = MessageLoad.endless(bench);
    awaitCommitted(load, 200);
    relay.awaitPublished(bench.append("order-1", 1).position(), Bench.PATIENCE);
    return load;
  }

  private static boolean saysWhy(KafkaRelay relay) {
    RelayStatus status = relay.status();
    return status.lanes().stream().anyMatch(lane -> lane.reason().isPresent())
        && status.complaint().orElse("").contains("Exception");
  }

  private static boolean answers(KafkaBroker broker) {
    String[] address = broker.bootstrap().split(":");
    try (Socket socket = new Socket(address[0], Integer.parseInt(address[1]))) {
      return socket.isConnected();
    } catch (IOException e) {
      return false;
    }
  }

  private static void awaitCommitted(MessageLoad load, int more) {
    long before = load.committed();
    await().atMost(Bench.PATIENCE).until(() -> load.committed() >= before + more);
  }

  /**
   * A broker that had no room may come back with a transaction that its coordinator no longer
   * knows, or without the positions that it has acknowledged. Then the relay does not publish on,
   * and says why.
   */
  private static void requireAllPublishedOrLostByKafka(
      Bench bench, KafkaRelay relay, MessageLoad load) throws Exception {
    try {
      requireAllPublished(bench, relay, load);
    } catch (TimeoutException e) {
      // Far longer than any transaction may last.
      if (!bench.hasOpenTransaction()) {
        throw e;
      }
      assertThat(relay.status().complaint())
          .hasValueSatisfying(told("is a transaction open there?"));
      Assumptions.abort("a transaction stays open that the broker does not end: " + e.getMessage());
    } catch (IllegalStateException e) {
      if (relay.status().state() != State.HALTED || bench.hasPositions()) {
        throw e;
      }
      assertThat(relay.status().complaint()).hasValueSatisfying(told("has no position of lane"));
      Assumptions.abort("the broker has lost the positions: " + e.getMessage());
    }
  }

  private static Consumer<String> told(String what) {
    return complaint -> assertThat(complaint).contains(what);
  }

  private static void requireAllPublished(Bench bench, KafkaRelay relay, MessageLoad load)
      throws Exception {
    load.stop();
    relay.awaitPublished(bench.append("order-1", 1).position(), Bench.PATIENCE);
    await().atMost(Bench.PATIENCE).until(() -> relay.status().isHealthy());
    bench.check();
    load.check();
  }
}
