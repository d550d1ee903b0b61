package dev.pgeventstore.kafka.consumer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.utils.Utils;

/** A store, a topic, and a consumer's database, which is the same one. */
final class ConsumerBench implements AutoCloseable {

  static final int PARTITIONS = 3;
  static final Duration PATIENCE = Duration.ofSeconds(60);
  static final EventCodec CODEC = JacksonCodec.of(EventTypes.none());
  static final RecordDecoder DECODER = RecordDecoder.of(CODEC);

  final Database database;
  final KafkaBroker broker;
  final String topic = "consumed-" + Long.toString(System.nanoTime(), 36);
  final HikariDataSource pool;
  final PostgresEventStore store;
  final WatermarkInbox inbox = inbox("group-of-" + topic);

  ConsumerBench(Database database, KafkaBroker broker) throws SQLException {
    this.database = database;
    this.broker = broker;
    this.pool = pool(database.url());
    this.store = store(pool);
    createTopic(topic, PARTITIONS);
    inbox.createTable(pool);
    try (Connection connection = pool.getConnection();
        Statement statement = connection.createStatement()) {
      // No unique key: what is done twice is to be seen.
      statement.execute(
          """
          create table work (
            number        bigserial,
            partition     int not null,
            position      bigint not null,
            record_index  int not null)
          """);
    }
  }

  static HikariDataSource pool(String url) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(url);
    config.setMaximumPoolSize(12);
    config.setMinimumIdle(0);
    return new HikariDataSource(config);
  }

  static PostgresEventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool).codec(CODEC).build();
  }

  static WatermarkInbox inbox(String group) {
    return WatermarkInbox.builder(group, DECODER).build();
  }

  void createTopic(String name, int partitions) {
    try (Admin admin = admin()) {
      admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1))).all().get();
    } catch (ExecutionException | InterruptedException e) {
      throw new IllegalStateException("topic " + name + " cannot be created", e);
    }
  }

  Admin admin() {
    return Admin.create(Map.of("bootstrap.servers", broker.bootstrap()));
  }

  static KafkaRelay.Builder relay(PostgresEventStore store, String bootstrap, String topic) {
    return KafkaRelay.builder(
            store, Map.of("bootstrap.servers", bootstrap, "transaction.timeout.ms", 3_000))
        .name("relay-of-" + topic)
        .topic(topic)
        .leaseTtl(Duration.ofSeconds(1));
  }

  AppendResult append(String stream, int events) {
    List<EncodedEvent> payloads =
        IntStream.range(0, events)
            .mapToObj(i -> EncodedEvent.of("Happened", 1, "{\"n\": %d}".formatted(i)))
            .toList();
    return store.append(StreamId.parse(stream), ExpectedVersion.any(), payloads);
  }

  /** Some events of each of some streams, published. */
  void publish(int streams, int events) throws Exception {
    AppendResult last = null;
    for (int stream = 0; stream < streams; stream++) {
      last = append("order-" + stream, events);
    }
    try (KafkaRelay relay = relay(store, broker.bootstrap(), topic).start()) {
      relay.awaitPublished(last, PATIENCE);
    }
  }

  List<RecordedEvent> stored() {
    List<RecordedEvent> events = new ArrayList<>();
    EventPage page;
    Position after = Position.START;
    do {
      page = store.readPage(after, 5_000);
      events.addAll(page.events());
      after = page.upTo();
    } while (!page.isLast());
    return events;
  }

  Map<String, Object> kafka() {
    return kafka(broker.bootstrap());
  }

  static Map<String, Object> kafka(String bootstrap) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("session.timeout.ms", 6_000);
    settings.put("heartbeat.interval.ms", 300);
    settings.put("fetch.max.wait.ms", 50);
    settings.put("max.poll.records", 100);
    return settings;
  }

  RelayedConsumer.Builder consumer(RelayedHandler handler) {
    return consumer(pool, handler);
  }

  RelayedConsumer.Builder consumer(DataSource dataSource, RelayedHandler handler) {
    return RelayedConsumer.builder(kafka(), dataSource, inbox, handler)
        .topics(topic)
        .backOff(Duration.ofMillis(10), Duration.ofMillis(50));
  }

  /** Without a group: it reads what it is told to. */
  KafkaConsumer<byte[], byte[]> reader(String isolation) {
    Map<String, Object> settings = kafka();
    settings.put("isolation.level", isolation);
    settings.put("auto.offset.reset", "earliest");
    return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  static void work(RelayedBatch batch) throws SQLException {
    try (PreparedStatement insert =
        batch
            .connection()
            .prepareStatement(
                "insert into work (partition, position, record_index) values (?, ?, ?)")) {
      for (RelayedRecord record : batch) {
        insert.setInt(1, record.sequence().partition());
        insert.setLong(2, record.place().position().value());
        insert.setInt(3, record.place().index());
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  /** What was done, in the order in which it was done, partition by partition. */
  Map<Integer, List<Long>> done() throws SQLException {
    Map<Integer, List<Long>> done = new HashMap<>();
    try (Connection connection = pool.getConnection();
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery("select partition, position from work order by number")) {
      while (row.next()) {
        done.computeIfAbsent(row.getInt(1), key -> new ArrayList<>()).add(row.getLong(2));
      }
    }
    return done;
  }

  int count() throws SQLException {
    return done().values().stream().mapToInt(List::size).sum();
  }

  void awaitDone(int events) {
    await().atMost(PATIENCE).until(() -> count() >= events);
  }

  /** What should be in each partition, by what is in the store. */
  Map<Integer, List<Long>> expected() {
    Map<Integer, List<Long>> expected = new HashMap<>();
    Map<Long, String> streams = new HashMap<>();
    stored().forEach(event -> streams.put(event.position().value(), event.stream().toString()));
    streams.forEach(
        (position, stream) ->
            expected.computeIfAbsent(partitionOf(stream), key -> new ArrayList<>()).add(position));
    expected.values().forEach(positions -> positions.sort(null));
    return expected;
  }

  /** Where Kafka's default partitioner sends a key. */
  static int partitionOf(String key) {
    return Utils.toPositive(Utils.murmur2(key.getBytes(UTF_8))) % PARTITIONS;
  }

  Set<TopicPartition> partitions() {
    Set<TopicPartition> all = new HashSet<>();
    for (int partition = 0; partition < PARTITIONS; partition++) {
      all.add(new TopicPartition(topic, partition));
    }
    return all;
  }

  /** The group must have no members. */
  void resetOffsets() throws Exception {
    Map<TopicPartition, OffsetAndMetadata> beginning = new HashMap<>();
    partitions().forEach(partition -> beginning.put(partition, new OffsetAndMetadata(0)));
    try (Admin admin = admin()) {
      admin.alterConsumerGroupOffsets(inbox.group(), beginning).all().get();
    }
  }

  @Override
  public void close() {
    store.close();
    pool.close();
  }
}
