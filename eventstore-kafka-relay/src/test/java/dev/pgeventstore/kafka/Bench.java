package dev.pgeventstore.kafka;

import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A store and a topic of a test's own. */
final class Bench implements AutoCloseable {

  static final int PARTITIONS = 3;
  static final Duration PATIENCE = Duration.ofMinutes(2);

  /** What the names of position topics begin with. */
  static final String POSITIONS = "eventstore-positions.";

  final Database database;
  final KafkaBroker broker;
  final String topic = "events-" + Long.toString(System.nanoTime(), 36);
  final PostgresEventStore store;
  private final HikariDataSource pool;
  private final Shape shape;

  Bench(Database database, KafkaBroker broker) {
    this(database, broker, Shape.USUAL);
  }

  Bench(Database database, KafkaBroker broker, Shape shape) {
    this.shape = shape;
    this.database = database;
    this.broker = broker;
    this.pool = pool(database.url());
    this.store = store(pool);
    createTopic(topic, PARTITIONS);
  }

  static HikariDataSource pool(String url) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(url);
    config.setMaximumPoolSize(8);
    config.setMinimumIdle(0);
    // The database may be just what is away.
    config.setInitializationFailTimeout(-1);
    return new HikariDataSource(config);
  }

  static PostgresEventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool).codec(JacksonCodec.of(EventTypes.none())).build();
  }

  /** One of those that the store has. */
  Connection connection() throws SQLException {
    return pool.getConnection();
  }

  /** With as many replicas as the broker makes. */
  void createTopic(String name, int partitions) {
    NewTopic wanted = new NewTopic(name, Optional.of(partitions), Optional.empty());
    try (Admin admin = admin()) {
      admin.createTopics(List.of(wanted)).all().get();
    } catch (ExecutionException | InterruptedException e) {
      throw new IllegalStateException("topic " + name + " cannot be created", e);
    }
  }

  /** Returns when clients that ask are told so. */
  void grow(String name, int partitions) throws ExecutionException, InterruptedException {
    try (Admin admin = admin()) {
      admin.createPartitions(Map.of(name, NewPartitions.increaseTo(partitions))).all().get();
      await()
          .atMost(PATIENCE)
          .until(
              () ->
                  admin
                          .describeTopics(List.of(name))
                          .allTopicNames()
                          .get()
                          .get(name)
                          .partitions()
                          .stream()
                          .filter(partition -> partition.leader() != null)
                          .count()
                      == partitions);
    }
  }

  /** Changes a topic's setting; the broker goes by it a moment after it has acknowledged it. */
  void configure(String name, String setting, String value)
      throws ExecutionException, InterruptedException {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, name);
    AlterConfigOp set =
        new AlterConfigOp(new ConfigEntry(setting, value), AlterConfigOp.OpType.SET);
    try (Admin admin = admin()) {
      admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
      await()
          .atMost(PATIENCE)
          .until(
              () ->
                  admin
                      .describeConfigs(List.of(resource))
                      .all()
                      .get()
                      .get(resource)
                      .get(setting)
                      .value()
                      .equals(value));
    }
  }

  Admin admin() {
    return Admin.create(Map.of("bootstrap.servers", broker.bootstrap()));
  }

  /** Whether a relay leads all of its lanes. Its state may be that of only one of them. */
  static boolean leadsAll(KafkaRelay relay) {
    return relay.status().lanes().stream()
        .allMatch(lane -> lane.state() == RelayStatus.State.LEADING);
  }

  KafkaRelay.Builder relay() {
    return relay(Map.of());
  }

  /** With settings of Kafka that replace or join the usual ones. */
  KafkaRelay.Builder relay(Map<String, ?> kafka) {
    return relay(store, kafka);
  }

  /** The same for another store on this database. */
  KafkaRelay.Builder relay(PostgresEventStore other, Map<String, ?> kafka) {
    return relay(other, kafkaSettings(kafka), topic, shape);
  }

  Shape shape() {
    return shape;
  }

  Map<String, Object> kafkaSettings(Map<String, ?> others) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", broker.bootstrap());
    settings.put("transaction.timeout.ms", "3000");
    settings.putAll(others);
    return settings;
  }

  static KafkaRelay.Builder relay(
      PostgresEventStore store, Map<String, ?> kafkaSettings, String topic, Shape shape) {
    return KafkaRelay.builder(store, kafkaSettings)
        .name("relay-of-" + topic)
        .topic(topic)
        .delivery(shape.delivery())
        .lanes(shape.lanes())
        .leaseTtl(Duration.ofSeconds(1));
  }

  String positionTopic() {
    return "%s%s.relay-of-%s"
        .formatted(
            POSITIONS,
            store.unwrap(EventFeed.class).orElseThrow().databaseId().replace('/', '.'),
            topic);
  }

  /** Of which the relay has one for each lane. */
  String leaseName() {
    return "relay/relay-of-" + topic;
  }

  AppendResult append(String stream, int events) {
    return append(store, stream, events);
  }

  /** In a transaction of the caller, or in one of its own. */
  AppendResult append(EventStreams into, String stream, int events) {
    List<EncodedEvent> payloads =
        IntStream.range(0, events)
            .mapToObj(i -> EncodedEvent.of("Happened", 1, "{\"n\": %d, \"ö\":\"ü\"}".formatted(i)))
            .toList();
    return into.append(StreamId.parse(stream), ExpectedVersion.any(), payloads);
  }

  /** An event that takes that much in Kafka too, however it is compressed. */
  AppendResult appendIncompressible(EventStreams into, String stream, int dataBytes) {
    Random random = new Random(dataBytes);
    StringBuilder text = new StringBuilder();
    while (text.length() < dataBytes) {
      text.append(Long.toString(random.nextLong() & Long.MAX_VALUE, 36));
    }
    return into.append(
        StreamId.parse(stream),
        ExpectedVersion.any(),
        List.of(EncodedEvent.of("Large", 1, '"' + text.toString() + '"')));
  }

  /** Many events, over many streams. */
  AppendResult appendBacklog(int events, int dataBytes) {
    EncodedEvent event =
        EncodedEvent.of("Happened", 1, "{\"filler\":\"" + "x".repeat(dataBytes - 13) + "\"}");
    AppendResult last = null;
    for (int done = 0; done < events; done += 500) {
      List<EncodedEvent> payloads =
          IntStream.range(0, Math.min(500, events - done)).mapToObj(i -> event).toList();
      last =
          store.append(
              StreamId.of("backlog", Integer.toString(done / 500 % 50)),
              ExpectedVersion.any(),
              payloads);
    }
    return Objects.requireNonNull(last);
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

  List<ConsumerRecord<byte[], byte[]>> consumed() {
    return consumed(topic);
  }

  /** What a committed reader finds, partition by partition. */
  List<ConsumerRecord<byte[], byte[]>> consumed(String from) {
    return consumed(from, "read_committed");
  }

  /** What anybody finds who does not ask for committed records only. */
  List<ConsumerRecord<byte[], byte[]>> uncommitted() {
    return consumed(topic, "read_uncommitted");
  }

  /** Whether the position topic has any committed record. */
  boolean hasPositions() {
    return !consumed(positionTopic()).isEmpty();
  }

  /** Whether readers of committed records are kept waiting somewhere in the topic. */
  boolean hasOpenTransaction() throws InterruptedException, ExecutionException {
    try (Admin admin = admin()) {
      return !ends(admin, IsolationLevel.READ_COMMITTED)
          .equals(ends(admin, IsolationLevel.READ_UNCOMMITTED));
    }
  }

  private Map<TopicPartition, Long> ends(Admin admin, IsolationLevel level)
      throws InterruptedException, ExecutionException {
    Map<TopicPartition, OffsetSpec> latest =
        IntStream.range(0, PARTITIONS)
            .mapToObj(partition -> new TopicPartition(topic, partition))
            .collect(Collectors.toMap(partition -> partition, partition -> OffsetSpec.latest()));
    return admin.listOffsets(latest, new ListOffsetsOptions(level)).all().get().entrySet().stream()
        .collect(Collectors.toMap(Map.Entry::getKey, end -> end.getValue().offset()));
  }

  /**
   * Readers of either kind have everything that is stored, once and in order; where records are
   * sent at least once, when they have dropped what they had before.
   */
  void check() {
    check(stored());
  }

  /** The same for what is wanted of it. */
  void check(List<RecordedEvent> wanted) {
    if (shape.delivery() == Delivery.EXACTLY_ONCE) {
      ExactSequence.check(wanted, consumed());
    }
    ExactSequence.check(wanted, ExactSequence.restored(uncommitted()));
  }

  private List<ConsumerRecord<byte[], byte[]>> consumed(String from, String isolation) {
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    consume(from, isolation, records::add);
    return records;
  }

  /** The same, record by record: there may be more of them than there is memory. */
  void consume(String from, String isolation, Consumer<ConsumerRecord<byte[], byte[]>> action) {
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrap(), "isolation.level", isolation),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      for (var info : consumer.partitionsFor(from)) {
        TopicPartition partition = new TopicPartition(from, info.partition());
        consumer.assign(List.of(partition));
        consumer.seekToBeginning(List.of(partition));
        long end = consumer.endOffsets(List.of(partition)).get(partition);
        while (consumer.position(partition) < end) {
          consumer.poll(Duration.ofMillis(100)).forEach(action);
        }
      }
    }
  }

  @Override
  public void close() {
    store.close();
    pool.close();
  }
}
