package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.RecoveryReport.RecoveredLane;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.kafka.internal.topics.Partitioner;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Notes that are lost, and made anew from the topics. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
@Tag("faults")
class RelayRecoveryTest {

  private final CloudEvents cloudEvents = CloudEvents.from("/test");
  private final Set<String> sick = new HashSet<>();
  private Bench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  static List<Shape> shapes() {
    return List.of(new Shape(Delivery.EXACTLY_ONCE, 3), new Shape(Delivery.AT_LEAST_ONCE, 1));
  }

  private KafkaRelay.Builder relay(Shape shape) {
    return relay(shape, cloudEvents);
  }

  /** Fails at events of which stream and version are sick. */
  private KafkaRelay.Builder relay(Shape shape, RecordMapper mapper) {
    return relay(bench.store, shape, mapper);
  }

  private KafkaRelay.Builder relay(PostgresEventStore store, Shape shape, RecordMapper mapper) {
    return bench
        .relay(store, Map.of())
        .delivery(shape.delivery())
        .lanes(shape.lanes())
        .mapper(
            event -> {
              synchronized (sick) {
                if (sick.contains(event.stream() + "@" + event.version())) {
                  throw new IllegalStateException("made to fail");
                }
              }
              return mapper.map(event);
            });
  }

  private void sick(String... events) {
    synchronized (sick) {
      sick.clear();
      sick.addAll(List.of(events));
    }
  }

  private void publish(KafkaRelay.Builder builder) throws Exception {
    try (KafkaRelay relay = builder.start()) {
      // Of all lanes.
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
    }
  }

  private void lose(Shape shape) throws Exception {
    if (shape.delivery() == Delivery.EXACTLY_ONCE) {
      TopicCopy.delete(bench, bench.positionTopic());
    } else {
      execute("delete from eventstore.lease_notes where key = 'position'");
    }
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement()) {
      assertThat(statement.executeUpdate(sql)).isPositive();
    }
  }

  private static RecoveryReport recover(KafkaRelay.Builder builder) throws Exception {
    RecoveryReport report = builder.operations().recover("a test", Set.of(), progress -> {});
    assertThat(report.verification().isExact()).as("%s", report).isTrue();
    return report;
  }

  private void requireExact(KafkaRelay.Builder builder) throws Exception {
    VerificationReport report = builder.operations().verify(progress -> {});
    assertThat(report.isExact()).as("%s", report).isTrue();
  }

  private static String name(ConsumerRecord<byte[], byte[]> record) {
    return new String(record.key(), UTF_8) + "@" + header(record, "es_version");
  }

  private List<String> names() {
    return bench.consumed().stream().map(RelayRecoveryTest::name).toList();
  }

  /** All that a reader has who drops what it had before, as consumers with marks do. */
  private List<String> restored() {
    return ExactSequence.restored(bench.consumed()).stream().map(RelayRecoveryTest::name).toList();
  }

  private void append(String... streams) {
    for (String stream : streams) {
      bench.append(stream, 1);
    }
  }

  /** Each stream has those versions, in order, and no other stream has any. */
  private void requirePublished(Map<String, List<Integer>> versions) {
    Map<String, List<Integer>> found = new HashMap<>();
    for (ConsumerRecord<byte[], byte[]> record : ExactSequence.restored(bench.consumed())) {
      found
          .computeIfAbsent(new String(record.key(), UTF_8), key -> new ArrayList<>())
          .add(Integer.parseInt(header(record, "es_version")));
    }
    assertThat(found).isEqualTo(versions);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void where_each_lane_stood_what_waits_and_what_was_left_out_is_found(Shape shape)
      throws Exception {
    KafkaRelay.Builder builder =
        relay(shape).onPoison(PoisonPolicy.decide(RelayRecoveryTest::decide));
    sick("order-1@2", "order-2@2", "order-3@2");
    for (int i = 1; i <= 4; i++) {
      append("order-1", "order-2", "order-3", "order-4", "order-5");
    }
    append("order-6");
    publish(builder);
    builder.operations().discardParked(StreamId.parse("order-2"), "not needed");
    append("order-1", "order-2", "order-3", "order-6");
    publish(builder);
    // Now in turn: order-1 waits since 2, order-2 has lost 2 to 4, and order-3 has lost 2.
    Map<String, List<Integer>> before =
        Map.of(
            "order-1", List.of(1),
            "order-2", List.of(1, 5),
            "order-3", List.of(1, 3, 4, 5),
            "order-4", List.of(1, 2, 3, 4),
            "order-5", List.of(1, 2, 3, 4),
            "order-6", List.of(1, 2));
    requirePublished(before);
    requireExact(builder);
    Map<StreamId, Position> parked = parked(builder);
    lose(shape);

    RecoveryReport report = recover(builder);

    assertThat(report.lanes()).hasSize(shape.lanes());
    assertThat(parked(builder)).isEqualTo(parked).hasSize(1);
    requireExact(builder);
    append("order-1", "order-2", "order-7");
    publish(builder);
    requireExact(builder);
    assertThat(restored()).doesNotContain("order-1@2", "order-2@2", "order-3@2");

    sick();
    builder.operations().retryParked(StreamId.parse("order-1"));
    append("order-1");
    publish(builder);
    Map<String, List<Integer>> after = new HashMap<>(before);
    after.put("order-1", List.of(1, 2, 3, 4, 5, 6, 7));
    after.put("order-2", List.of(1, 5, 6));
    after.put("order-7", List.of(1));
    requirePublished(after);
    requireExact(builder);
    if (shape.delivery() == Delivery.EXACTLY_ONCE) {
      assertThat(report.lanes().stream().flatMap(lane -> lane.leftOut().stream())).hasSize(4);
      assertThat(bench.consumed()).hasSize(after.values().stream().mapToInt(List::size).sum());
    }
  }

  private static Decision decide(PoisonPolicy.Poison poison) {
    return poison.stream().orElse("").equals("order-3") ? Decision.SKIP : Decision.PARK_STREAM;
  }

  private static final Shape ONCE = new Shape(Delivery.EXACTLY_ONCE, 1);
  private static final Shape AT_LEAST_ONCE = new Shape(Delivery.AT_LEAST_ONCE, 1);

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void an_older_copy_of_the_position_topic_is_brought_up_to_date(int lanes) throws Exception {
    Shape shape = new Shape(Delivery.EXACTLY_ONCE, lanes);
    KafkaRelay.Builder builder = relay(shape).onPoison(PoisonPolicy.parkStream());
    sick("order-1@2", "order-2@2");
    for (int i = 0; i < 3; i++) {
      append("order-1", "order-2", "order-3", "order-4");
    }
    publish(builder);
    TopicCopy copy = TopicCopy.of(bench, bench.positionTopic(), lanes);
    sick("order-2@2", "order-4@4");
    builder.operations().retryParked(StreamId.parse("order-1"));
    append("order-1", "order-2", "order-3", "order-4", "order-1", "order-3");
    publish(builder);
    Map<StreamId, Position> parked = parked(builder);
    List<String> published = restored();
    copy.putBack();

    recover(builder);

    publish(builder);
    assertThat(parked(builder)).isEqualTo(parked).hasSize(2);
    assertThat(restored()).isEqualTo(published);
    requireExact(builder);
  }

  private static Map<StreamId, Position> parked(KafkaRelay.Builder builder) throws Exception {
    return builder.operations().parked().stream()
        .collect(Collectors.toMap(ParkedStream::stream, ParkedStream::since));
  }

  /** What was published late stands at another place than in its turn. */
  @ParameterizedTest
  @MethodSource("shapes")
  void what_was_retried_does_not_wait_any_more_and_the_rest_of_a_stream_does(Shape shape)
      throws Exception {
    KafkaRelay.Builder builder = relay(shape).onPoison(PoisonPolicy.parkStream());
    sick("order-1@2", "order-2@2");
    for (int i = 0; i < 4; i++) {
      append("order-1", "order-2", "order-3");
    }
    publish(builder);
    sick("order-2@4");
    builder.operations().retryParked(StreamId.parse("order-1"));
    assertThatThrownBy(() -> builder.operations().retryParked(StreamId.parse("order-2")))
        .hasMessageContaining("made to fail");
    append("order-1", "order-2", "order-3");
    publish(builder);
    Map<StreamId, Position> parked = parked(builder);
    lose(shape);

    recover(builder);

    assertThat(parked(builder)).isEqualTo(parked).containsOnlyKeys(StreamId.parse("order-2"));
    sick();
    builder.operations().retryParked(StreamId.parse("order-2"));
    append("order-1", "order-2", "order-3");
    publish(builder);
    List<Integer> all = List.of(1, 2, 3, 4, 5, 6);
    requirePublished(Map.of("order-1", all, "order-2", all, "order-3", all));
    requireExact(builder);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void dead_letters_several_topics_and_messages_are_read(Shape shape) throws Exception {
    String audit = bench.topic + "-audit";
    String dead = bench.topic + "-dead";
    String mails = bench.topic + "-mails";
    bench.createTopic(audit, 2);
    bench.createTopic(dead, 2);
    bench.createTopic(mails, 1);
    KafkaRelay.Builder builder =
        relay(
                shape,
                event ->
                    List.of(cloudEvents.record(event), cloudEvents.record(event, 1).topic(audit)))
            .deadLetters(dead)
            .onPoison(PoisonPolicy.deadLetter());
    sick("order-1@2", "order-2@3", "order-4@5");
    for (int i = 0; i < 4; i++) {
      append("order-1", "order-2", "order-3", "order-4");
    }
    publish(builder);
    message(bench.topic);
    append("order-4");
    message(mails);
    publish(builder);
    int sent = places(bench.topic, audit, dead, mails);
    lose(shape);

    RecoveryReport report =
        builder.operations().recover("a test", Set.of(mails, "unknown", ""), progress -> {});

    assertThat(report.verification().isExact()).as("%s", report).isTrue();
    assertThat(report.lanes())
        .allMatch(lane -> lane.parked().isEmpty() && lane.leftOut().isEmpty());
    if (shape.delivery() == Delivery.EXACTLY_ONCE) {
      assertThat(report.verification().notCompared()).as("dead letters").isEqualTo(3);
      assertThat(report.lanes().stream().mapToLong(RecoveredLane::records).sum()).isEqualTo(sent);
    }
    publish(builder);
    assertThat(places(bench.topic, audit, dead, mails)).isEqualTo(sent);
    append("order-1");
    message(mails);
    publish(builder);
    assertThat(places(bench.topic, audit, dead, mails)).isEqualTo(sent + 3);
    requireExact(builder);
  }

  @Test
  void a_second_recovery_that_names_more_topics_is_refused_for_that_and_says_how_to_go_on()
      throws Exception {
    String mails = bench.topic + "-mails";
    bench.createTopic(mails, 1);
    KafkaRelay.Builder builder = relay(ONCE);
    append("order-1", "order-2");
    publish(builder);
    message(mails);
    publish(builder);
    Position last = builder.operations().position();
    lose(ONCE);
    RecoveryReport first = recover(builder);

    assertThat(first.lanes().get(0).position()).isLessThan(last);
    assertThatThrownBy(() -> builder.operations().recover("a test", Set.of(mails), progress -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("since an earlier recovery: not all topics were named then")
        .hasMessageContaining("newSeries(Position.of(%s)".formatted(last))
        .hasMessageNotContaining("history");

    builder.operations().newSeries(last, "as the recovery says");
    append("order-1");
    publish(builder);
    assertThat(places(bench.topic, mails)).isEqualTo(4);
    requireExact(builder);
  }

  /** How many different records there are. */
  private int places(String... topics) {
    Set<String> places = new HashSet<>();
    for (String topic : topics) {
      for (ConsumerRecord<byte[], byte[]> record : bench.consumed(topic)) {
        places.add(
            "%s-%d %s:%s"
                .formatted(
                    topic,
                    record.partition(),
                    header(record, "es_lane") + '/' + header(record, "es_position"),
                    header(record, "es_index")));
      }
    }
    return places.size();
  }

  private void message(String topic) throws SQLException {
    try (Connection connection = bench.database.open()) {
      connection.setAutoCommit(false);
      Outbox.of(bench.store.within(connection))
          .publish(List.of(OutboxMessage.to("relay-of-" + bench.topic, topic).key("k").json("{}")));
      connection.commit();
    }
  }

  /** What waited when the series began has no turn in it. */
  @ParameterizedTest
  @MethodSource("shapes")
  void in_a_later_series_what_waited_before_it_still_waits(Shape shape) throws Exception {
    KafkaRelay.Builder builder = relay(shape).onPoison(PoisonPolicy.parkStream());
    sick("order-1@2", "order-2@2", "order-5@1");
    for (int i = 0; i < 3; i++) {
      append("order-1", "order-2", "order-3", "order-5");
    }
    publish(builder);
    builder.operations().redeclare("a test");
    sick("order-2@2", "order-3@5", "order-5@1");
    append("order-1", "order-3", "order-4");
    publish(builder);
    builder.operations().retryParked(StreamId.parse("order-1"));
    append("order-1", "order-3", "order-4");
    publish(builder);
    Map<StreamId, Position> parked = parked(builder);
    List<String> published = restored();
    lose(shape);

    RecoveryReport report = recover(builder);

    assertThat(report.lanes()).extracting(RecoveredLane::series).containsOnly(2);
    publish(builder);
    assertThat(parked(builder)).isEqualTo(parked).hasSize(3);
    assertThat(restored()).isEqualTo(published);
    sick();
    for (StreamId stream : parked.keySet()) {
      builder.operations().retryParked(stream);
    }
    append("order-1", "order-2", "order-5");
    publish(builder);
    requireExact(builder);
    requirePublished(
        Map.of(
            "order-1", List.of(1, 2, 3, 4, 5, 6),
            "order-2", List.of(1, 2, 3, 4),
            "order-3", List.of(1, 2, 3, 4, 5),
            "order-4", List.of(1, 2),
            "order-5", List.of(1, 2, 3, 4)));
  }

  @ParameterizedTest
  @EnumSource
  void a_series_that_was_begun_and_of_which_nothing_was_sent_is_the_one_that_goes_on(
      Delivery delivery) throws Exception {
    Shape shape = new Shape(delivery, 1);
    KafkaRelay.Builder builder = relay(shape);
    append("order-1", "order-1", "order-1");
    publish(builder);
    builder.operations().newSeries(Position.of(1), "a test");
    lose(shape);

    RecoveryReport report = recover(builder);

    assertThat(report.lanes()).singleElement().extracting(RecoveredLane::series).isEqualTo(2);
    publish(builder);
    requireExact(builder);
    assertThat(bench.consumed())
        .extracting(record -> header(record, "es_relay").replaceFirst("[^~]*", "") + name(record))
        .containsExactly("order-1@1", "order-1@2", "order-1@3", "~2order-1@2", "~2order-1@3");
  }

  @ParameterizedTest
  @EnumSource
  void what_retention_has_removed_counts_as_published_and_what_waits_at_the_cut_does_not(
      Delivery delivery) throws Exception {
    Shape shape = new Shape(delivery, 1);
    KafkaRelay.Builder builder = relay(shape).onPoison(PoisonPolicy.parkStream());
    String stream = lastButOneOfAPartition();
    sick(stream + "@5");
    for (int i = 0; i < 8; i++) {
      append("order-1", "order-2", "order-3", "order-4", "order-5", "order-6");
    }
    publish(builder);
    assertThat(parked(builder)).containsOnlyKeys(StreamId.parse(stream));
    cutAllBut(1);
    sick();
    List<String> left = names();
    lose(shape);

    RecoveryReport report = recover(builder);

    assertThat(report.verification().removed()).isPositive();
    assertThat(report.lanes()).allMatch(lane -> lane.leftOut().isEmpty());
    // What is left says what stood before it, so that this one did not.
    Position last = bench.store.read(StreamId.parse(stream)).get(7).position();
    assertThat(parked(builder)).containsExactly(Map.entry(StreamId.parse(stream), last));
    append("order-7", "order-8");
    publish(builder);
    requireExact(builder);
    assertThat(names()).containsAll(left).contains("order-7@1", "order-8@1");
    if (delivery == Delivery.EXACTLY_ONCE) {
      assertThat(names()).doesNotHaveDuplicates();
    }
  }

  /** So that another stream's event comes behind each of its own, and nothing between. */
  private static String lastButOneOfAPartition() {
    Map<Integer, List<String>> streams = new HashMap<>();
    for (int i = 1; i <= 6; i++) {
      String stream = "order-" + i;
      streams
          .computeIfAbsent(
              new Partitioner(Bench.PARTITIONS).partition(stream.getBytes(UTF_8)),
              partition -> new ArrayList<>())
          .add(stream);
    }
    List<String> several =
        streams.values().stream().filter(some -> some.size() > 1).findFirst().orElseThrow();
    return several.get(several.size() - 2);
  }

  private void cutAllBut(int records) throws Exception {
    Map<Integer, List<Long>> offsets = new HashMap<>();
    bench
        .consumed()
        .forEach(
            record ->
                offsets
                    .computeIfAbsent(record.partition(), partition -> new ArrayList<>())
                    .add(record.offset()));
    Map<TopicPartition, RecordsToDelete> before = new HashMap<>();
    offsets.forEach(
        (partition, of) ->
            before.put(
                new TopicPartition(bench.topic, partition),
                RecordsToDelete.beforeOffset(
                    records == 0 ? -1 : of.get(Math.max(0, of.size() - records)))));
    try (Admin admin = bench.admin()) {
      admin.deleteRecords(before).all().get();
    }
  }

  @Test
  void where_retention_has_left_nothing_it_is_refused_if_something_may_have_been_there()
      throws Exception {
    KafkaRelay.Builder builder = relay(ONCE);
    append("order-1", "order-2", "order-3");
    publish(builder);
    cutAllBut(0);
    lose(ONCE);
    refused(builder, "retention has left nothing of it in", "[1, 2, 3]");

    builder.operations().newSeries(Position.of(3), "as consumers say");
    append("order-1");
    publish(builder);
    requireExact(builder);
  }

  private void refused(KafkaRelay.Builder builder, String... why) {
    int published = bench.consumed().size();
    assertThatThrownBy(() -> builder.operations().recover("a test", Set.of(), progress -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("cannot be recovered, and nothing of it was changed")
        .hasMessageContainingAll(why);
    try (KafkaRelay relay = builder.start()) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
    }
    assertThat(bench.consumed()).hasSize(published);
  }

  /** Damages the topic, as a copy that was put back may be. */
  private void damage(Consumer<List<ConsumerRecord<byte[], byte[]>>> damage) throws Exception {
    damage(Bench.PARTITIONS, damage);
  }

  private void damage(int partitions, Consumer<List<ConsumerRecord<byte[], byte[]>>> damage)
      throws Exception {
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>(bench.consumed());
    damage.accept(records);
    TopicCopy.delete(bench, bench.topic);
    await()
        .atMost(Bench.PATIENCE)
        .ignoreExceptions()
        .untilAsserted(() -> bench.createTopic(bench.topic, partitions));
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bench.broker.bootstrap()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      for (ConsumerRecord<byte[], byte[]> record : records) {
        producer
            .send(
                new ProducerRecord<>(
                    record.topic(),
                    record.partition(),
                    record.timestamp(),
                    record.key(),
                    record.value(),
                    record.headers()))
            .get();
      }
    }
  }

  private static boolean is(ConsumerRecord<byte[], byte[]> record, String name) {
    return name(record).equals(name);
  }

  @ParameterizedTest
  @EnumSource
  void a_record_that_was_lost_in_the_middle_of_a_topic_is_not_taken_for_left_out(Delivery delivery)
      throws Exception {
    Shape shape = new Shape(delivery, 1);
    KafkaRelay.Builder builder = relay(shape);
    for (int i = 0; i < 4; i++) {
      append("order-1", "order-2");
    }
    publish(builder);
    damage(records -> records.removeIf(record -> is(record, "order-1@2")));
    lose(shape);
    refused(builder, "GAP", "newSeries");
  }

  @Test
  void a_record_of_an_event_whose_other_records_are_there_was_lost() throws Exception {
    String audit = bench.topic + "-audit";
    bench.createTopic(audit, 1);
    KafkaRelay.Builder builder =
        relay(
            ONCE,
            event -> List.of(cloudEvents.record(event, 1).topic(audit), cloudEvents.record(event)));
    append("order-1", "order-1");
    publish(builder);
    // The last of its partition: no chain tells.
    damage(records -> records.removeIf(record -> is(record, "order-1@2")));
    lose(ONCE);
    refused(builder, "other records of the same events are there", "MISSING");
  }

  @Test
  void a_topic_that_has_nothing_of_the_lane_though_it_should_is_not_taken_for_left_out()
      throws Exception {
    String odd = bench.topic + "-odd";
    bench.createTopic(odd, 1);
    KafkaRelay.Builder builder =
        relay(
            ONCE,
            event ->
                List.of(
                    event.version() % 2 == 0
                        ? cloudEvents.record(event)
                        : cloudEvents.record(event).topic(odd)));
    append("order-1", "order-1", "order-1", "order-1");
    publish(builder);
    TopicCopy.delete(bench, odd);
    await()
        .atMost(Bench.PATIENCE)
        .ignoreExceptions()
        .untilAsserted(() -> bench.createTopic(odd, 1));
    lose(ONCE);
    refused(builder, "nothing of the lane is in their topic", odd);
  }

  @ParameterizedTest
  @EnumSource
  void records_in_the_wrong_partition_or_with_another_content_are_refused(Delivery delivery)
      throws Exception {
    Shape shape = new Shape(delivery, 1);
    KafkaRelay.Builder builder = relay(shape);
    append("order-1", "order-2", "order-3", "order-1", "order-2", "order-3");
    publish(builder);
    List<ConsumerRecord<byte[], byte[]>> all = bench.consumed();
    damage(records -> records.replaceAll(record -> moved(record, "order-1@2")));
    lose(shape);
    refused(builder, "no number of partitions");
    damage(
        records -> {
          records.clear();
          records.addAll(all);
          records.replaceAll(record -> is(record, "order-2@2") ? changed(record) : record);
        });
    refused(builder, "DIFFERENT", "newSeries");
  }

  private static ConsumerRecord<byte[], byte[]> moved(
      ConsumerRecord<byte[], byte[]> record, String name) {
    return is(record, name)
        ? copy(record, (record.partition() + 1) % Bench.PARTITIONS, record.value())
        : record;
  }

  private static ConsumerRecord<byte[], byte[]> changed(ConsumerRecord<byte[], byte[]> record) {
    return copy(record, record.partition(), new byte[] {'{', '}'});
  }

  private static ConsumerRecord<byte[], byte[]> copy(
      ConsumerRecord<byte[], byte[]> record, int partition, byte[] value) {
    return new ConsumerRecord<>(
        record.topic(),
        partition,
        record.offset(),
        record.timestamp(),
        TimestampType.CREATE_TIME,
        record.key().length,
        value.length,
        record.key(),
        value,
        record.headers(),
        Optional.empty());
  }

  @ParameterizedTest
  @EnumSource
  void a_history_that_the_store_has_lost_is_refused(Delivery delivery) throws Exception {
    Shape shape = new Shape(delivery, 1);
    KafkaRelay.Builder builder = relay(shape);
    append("order-1", "order-2");
    publish(builder);
    OlderState older = OlderState.of(bench.database);
    append("order-1", "order-2");
    publish(builder);
    older.putBack();
    lose(shape);
    try (SecondStore again = SecondStore.of(bench.database)) {
      KafkaRelay.Builder there = relay(again.store, shape, cloudEvents);
      assertThatThrownBy(() -> there.operations().recover("a test", Set.of(), progress -> {}))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("history is not the one that was published")
          .hasMessageContaining("newSeries(Position.of(2)");
      // The same when the positions have been used up again.
      bench.append(again.store, "order-3", 5);
      assertThatThrownBy(() -> there.operations().recover("a test", Set.of(), progress -> {}))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("history is not the one that was published");
    }
  }

  /** Of messages the database has no row any more: only the token tells. */
  @Test
  void messages_that_the_store_has_lost_are_noticed_by_the_token() throws Exception {
    KafkaRelay.Builder builder = relay(ONCE);
    append("order-1");
    publish(builder);
    OlderState older = OlderState.of(bench.database);
    message(bench.topic);
    publish(builder);
    older.putBack();
    lose(ONCE);
    try (SecondStore again = SecondStore.of(bench.database)) {
      bench.append(again.store, "order-2", 5);
      KafkaRelay.Builder there = relay(again.store, ONCE, cloudEvents);
      assertThatThrownBy(() -> there.operations().recover("a test", Set.of(), progress -> {}))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("under tokens that the database has not drawn");
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_topic_that_has_grown_keeps_the_partitions_of_its_streams(Delivery delivery)
      throws Exception {
    Shape shape = new Shape(delivery, 1);
    KafkaRelay.Builder builder = relay(shape);
    for (int i = 0; i < 20; i++) {
      append("order-" + i);
    }
    publish(builder);
    bench.grow(bench.topic, 7);
    lose(shape);
    if (delivery == Delivery.AT_LEAST_ONCE) {
      execute("delete from eventstore.lease_notes where key like 'topic/%'");
    }
    recover(builder);
    for (int i = 0; i < 20; i++) {
      append("order-" + i);
    }
    publish(builder);
    requireExact(builder);
    assertThat(bench.consumed()).hasSize(40).allMatch(record -> record.partition() < 3);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void a_relay_that_has_its_notes_is_left_as_it_is(Shape shape) throws Exception {
    KafkaRelay.Builder builder = relay(shape).onPoison(PoisonPolicy.parkStream());
    assertThat(recover(builder).lanes()).as("it never ran").allMatch(RecoveredLane::changed);
    sick("order-1@2");
    append("order-1", "order-1", "order-2", "order-3", "order-4");
    publish(builder);
    List<ParkedStream> parked = builder.operations().parked();
    Map<Instant, String> audit = builder.operations().audit(0);

    RecoveryReport report = recover(builder);

    assertThat(report.lanes()).noneMatch(RecoveredLane::changed);
    assertThat(report.toString()).contains("was whole");
    assertThat(builder.operations().parked()).isEqualTo(parked);
    assertThat(builder.operations().audit(0)).isEqualTo(audit);
    lose(shape);
    assertThat(recover(builder).lanes()).allMatch(RecoveredLane::changed);
    assertThat(recover(builder).lanes()).noneMatch(RecoveredLane::changed);
    append("order-1", "order-2", "order-3", "order-4");
    publish(builder);
    requireExact(builder);
    assertThat(builder.operations().audit(0).values()).contains("recover: a test");
  }

  @ParameterizedTest
  @EnumSource
  void what_cannot_be_read_among_its_notes_is_replaced(Delivery delivery) throws Exception {
    Shape shape = new Shape(delivery, 1);
    KafkaRelay.Builder builder = relay(shape).onPoison(PoisonPolicy.parkStream());
    sick("order-1@2");
    append("order-1", "order-1", "order-2", "order-2");
    publish(builder);
    builder.operations().pause("for now");
    Map<StreamId, Position> parked = parked(builder);
    for (String name : List.of("position", "parked/order-1", "sent/" + bench.topic + "/0")) {
      spoil(shape, name);
      recover(builder);
      assertThat(parked(builder)).isEqualTo(parked);
    }
    builder.operations().resume();
    append("order-1", "order-2");
    publish(builder);
    requireExact(builder);
    requirePublished(Map.of("order-1", List.of(1), "order-2", List.of(1, 2, 3)));
    assertThat(builder.operations().audit(0).values()).contains("pause: for now", "resume");
  }

  private void spoil(Shape shape, String name) throws Exception {
    if (shape.delivery() == Delivery.AT_LEAST_ONCE) {
      execute(
          "insert into eventstore.lease_notes (name, partition, key, value) values ('%s', 0, '%s', 'many') on conflict (name, partition, key) do update set value = 'many'"
              .formatted(bench.leaseName(), name));
      return;
    }
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bench.broker.bootstrap()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      producer
          .send(
              new ProducerRecord<>(
                  bench.positionTopic(),
                  0,
                  ("lane/0/" + name).getBytes(UTF_8),
                  "many".getBytes(UTF_8)))
          .get();
    }
  }

  /** As after a crash: one partition has what comes later, and others do not have it yet. */
  @Test
  void at_least_once_what_may_not_have_been_sent_is_sent() throws Exception {
    KafkaRelay.Builder builder = relay(AT_LEAST_ONCE);
    for (int i = 0; i < 3; i++) {
      append("order-1", "order-2", "order-3", "order-4", "order-5", "order-6");
    }
    publish(builder);
    List<String> all = restored();
    int other =
        bench.consumed().stream()
            .filter(record -> is(record, "order-6@3"))
            .findFirst()
            .orElseThrow()
            .partition();
    damage(
        records ->
            records.removeIf(
                record ->
                    record.partition() != other
                        && Integer.parseInt(header(record, "es_version")) > 1));
    // Nor has it noted anything of them.
    execute("delete from eventstore.lease_notes where key <> 'tokens'");

    RecoveryReport report = recover(builder);

    assertThat(report.lanes())
        .singleElement()
        .satisfies(lane -> assertThat(lane.position().isAfter(Position.of(9))).isFalse());
    assertThat(report.lanes().get(0).parked()).isEmpty();
    assertThat(report.lanes().get(0).leftOut()).isEmpty();
    publish(builder);
    requireExact(builder);
    assertThat(restored()).containsExactlyInAnyOrderElementsOf(all);
  }

  /** So far an event has one of its records only, and nothing else is in the other's topic. */
  @Test
  void at_least_once_an_event_may_have_been_sent_in_part() throws Exception {
    String audit = bench.topic + "-audit";
    bench.createTopic(audit, 1);
    KafkaRelay.Builder builder =
        relay(
            AT_LEAST_ONCE,
            event ->
                List.of(
                    cloudEvents.record(event),
                    cloudEvents.record(event, 1).topic(audit).key("all")));
    append("order-1", "order-2", "order-1", "order-2");
    publish(builder);
    TopicCopy.delete(bench, audit);
    await()
        .atMost(Bench.PATIENCE)
        .ignoreExceptions()
        .untilAsserted(() -> bench.createTopic(audit, 1));
    execute("delete from eventstore.lease_notes where key <> 'tokens'");

    RecoveryReport report = recover(builder);

    assertThat(report.lanes().get(0).position()).isEqualTo(Position.START);
    publish(builder);
    assertThat(places(audit)).isEqualTo(4);
    requireExact(builder);
  }

  /** The row of a message that is there may not have been sent, whatever comes later. */
  @Test
  void at_least_once_a_message_that_is_not_deleted_is_sent() throws Exception {
    KafkaRelay.Builder builder = relay(AT_LEAST_ONCE);
    append("order-1", "order-2");
    publish(builder);
    builder.operations().pause("a test");
    message(bench.topic);
    append("order-1", "order-2");
    // As if these had been sent before the message was.
    List<RecordedEvent> stored = bench.stored();
    Forgery forgery =
        new Forgery("relay-of-" + bench.topic, bench.topic, Bench.PARTITIONS, 1, cloudEvents);
    List<ProducerRecord<byte[], byte[]>> records = forgery.records(stored);
    Forgery.send(bench, records.subList(2, 4));
    lose(AT_LEAST_ONCE);

    RecoveryReport report = recover(builder);

    assertThat(report.lanes().get(0).position()).isEqualTo(stored.get(1).position());
    builder.operations().resume();
    publish(builder);
    requireExact(builder);
    assertThat(bench.consumed())
        .filteredOn(record -> header(record, "es_version") == null)
        .hasSize(1);
  }

  @Test
  void after_a_rewind_it_goes_on_behind_the_last_that_was_published() throws Exception {
    KafkaRelay.Builder builder = relay(ONCE);
    append("order-1", "order-2", "order-1", "order-2");
    publish(builder);
    builder.operations().rewindTo(Position.of(1), "a test");
    append("order-1");
    publish(builder);
    int sent = bench.consumed().size();
    lose(ONCE);

    recover(builder);

    requireExact(builder);
    publish(builder);
    assertThat(bench.consumed()).hasSize(sent);
    append("order-2");
    publish(builder);
    requireExact(builder);
  }

  @Test
  void a_lane_of_which_nothing_is_there_starts_where_it_began() throws Exception {
    append("order-1", "order-1");
    KafkaRelay.Builder builder = relay(ONCE).startAfter(Position.of(1));
    builder.operations().pause("before the first");
    lose(ONCE);

    assertThat(recover(builder).lanes())
        .singleElement()
        .extracting(RecoveredLane::position)
        .isEqualTo(Position.of(1));
    publish(builder);
    requirePublished(Map.of("order-1", List.of(2)));
    requireExact(builder);
  }
}
