package dev.pgeventstore.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.Difference.Kind;
import dev.pgeventstore.kafka.VerificationReport.VerifiedPartition;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.position.PositionRange;
import dev.pgeventstore.kafka.internal.verify.RelayVerification;
import dev.pgeventstore.kafka.internal.verify.VerificationPlan;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.kafka.record.RelayRecord;
import dev.pgeventstore.postgres.Eraser;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
class RelayVerificationTest {

  private final CloudEvents cloudEvents = CloudEvents.from("/shop");
  private RecordMapper mapper = cloudEvents;
  private int lanes = 1;
  private boolean repeatsAllowed;
  private boolean rewound;
  private Optional<String> deadLetters = Optional.empty();
  private Map<StreamId, List<PositionRange>> leftOut = Map.of();
  private Set<Position> skipped = Set.of();
  private final Map<String, Integer> topics = new HashMap<>();
  private int forgeries;
  private Bench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
    topics.put(bench.topic, Bench.PARTITIONS);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  @Test
  void what_a_relay_has_published_is_found_to_be_exact() throws Exception {
    bench.appendBacklog(4_000, 200);
    bench.append("order-1", 3);
    List<VerificationProgress> progress = new ArrayList<>();
    Position reached;
    try (KafkaRelay relay = bench.relay().source("/shop").start()) {
      relay.awaitPublished(bench.append("order-2", 2), Bench.PATIENCE);
      reached = relay.status().position();
    }
    bench.append("order-3", 1);

    VerificationReport report =
        RelayVerification.run(plan("relay-of-" + bench.topic, reached), progress::add);

    assertThat(report.isExact()).as("%s", report).isTrue();
    assertThat(report.records()).isEqualTo(4_005);
    assertThat(report.events()).isEqualTo(4_005);
    assertThat(report.partitions())
        .hasSize(Bench.PARTITIONS)
        .extracting(VerifiedPartition::from)
        .containsOnly(Position.START);
    assertThat(progress).hasSizeGreaterThan(3);
    assertThat(progress.get(progress.size() - 1).records()).isEqualTo(4_005);
  }

  @Test
  void every_damage_is_told_with_its_place() throws Exception {
    backlog();
    damaged(Kind.REPEATED, records -> records.add(10, records.get(9)), 10);
    damaged(Kind.REPEATED, records -> records.add(1, records.get(0)), 1);
    damaged(Kind.REPEATED, records -> records.add(records.get(20)), 21);
    damaged(Kind.MISSING, records -> records.remove(15), 16);
    damaged(Kind.MISSING, records -> records.remove(0), 1);
    damaged(Kind.MISSING, records -> records.remove(records.size() - 1), 60);
    damaged(Kind.DIFFERENT, records -> records.set(7, withValue(records.get(7), "{}")), 8);
    damaged(Kind.DIFFERENT, records -> records.set(7, withValue(records.get(7), null)), 8);
    damaged(Kind.DIFFERENT, records -> Forgery.header(records.get(7), "ce_type", "Other"), 8);
    damaged(Kind.DIFFERENT, records -> records.get(7).headers().add("more", new byte[0]), 8);
    damaged(Kind.DIFFERENT, records -> records.get(7).headers().remove("ce_time"), 8);
    damaged(Kind.DIFFERENT, records -> Forgery.header(records.get(7), "es_version", "70"), 8);
  }

  /** In one stream, so in one partition. */
  private void backlog() {
    bench.append("order-1", 60);
  }

  private void damaged(
      Kind kind, Consumer<List<ProducerRecord<byte[], byte[]>>> damage, int nthEvent)
      throws Exception {
    List<RecordedEvent> stored = bench.stored();
    VerificationReport report = forged(damage);
    assertThat(report.differences()).as("%s", report).containsExactly(entry(kind, 1L));
    assertThat(report.first())
        .singleElement()
        .satisfies(
            difference -> {
              assertThat(difference.kind()).isEqualTo(kind);
              assertThat(difference.position()).isEqualTo(stored.get(nthEvent - 1).position());
              assertThat(difference.offset().isPresent()).isEqualTo(kind != Kind.MISSING);
            });
  }

  @Test
  void records_that_changed_places_are_out_of_order_and_not_missing() throws Exception {
    backlog();
    damaged(Kind.OUT_OF_ORDER, records -> records.add(12, records.remove(10)), 11);
  }

  @Test
  void what_no_event_is_the_source_of_is_unknown() throws Exception {
    backlog();
    VerificationReport second = forged(records -> Forgery.header(records.get(59), "es_index", "1"));
    assertThat(second.differences())
        .as("%s", second)
        .containsExactlyInAnyOrderEntriesOf(Map.of(Kind.UNKNOWN, 1L, Kind.MISSING, 1L));

    RecordMapper all = mapper;
    Forgery forgery = forgery();
    List<ProducerRecord<byte[], byte[]>> records = forgery.records(bench.stored());
    mapper = event -> event.version() == 20 ? List.of() : all.map(event);
    VerificationReport unwanted = sent(records);
    assertThat(unwanted.differences()).as("%s", unwanted).containsExactly(entry(Kind.UNKNOWN, 1L));
  }

  @Test
  void a_record_in_another_partition_is_missing_where_it_should_be_and_unknown_there()
      throws Exception {
    backlog();
    VerificationReport report =
        forged(
            records -> {
              ProducerRecord<byte[], byte[]> moved = records.get(30);
              Forgery.header(moved, "es_prev", "0:0");
              records.set(
                  30,
                  new ProducerRecord<>(
                      moved.topic(),
                      (moved.partition() + 1) % Bench.PARTITIONS,
                      moved.key(),
                      moved.value(),
                      moved.headers()));
            });
    assertThat(report.differences())
        .as("%s", report)
        .containsExactlyInAnyOrderEntriesOf(Map.of(Kind.UNKNOWN, 1L, Kind.MISSING, 1L));
  }

  @Test
  void where_retention_has_removed_the_beginning_it_says_from_where_it_verified() throws Exception {
    backlog();
    List<RecordedEvent> stored = bench.stored();
    Forgery forgery = forgery();
    List<ProducerRecord<byte[], byte[]>> records = forgery.records(stored);
    int partition = records.get(0).partition();
    Forgery.send(bench, records);
    try (Admin admin = bench.admin()) {
      admin
          .deleteRecords(
              Map.of(new TopicPartition(bench.topic, partition), RecordsToDelete.beforeOffset(20)))
          .all()
          .get();
    }

    VerificationReport report = verify();

    assertThat(report.isExact()).as("%s", report).isTrue();
    assertThat(report.removed()).isEqualTo(20);
    assertThat(report.records()).isEqualTo(40);
    assertThat(report.partitions())
        .filteredOn(one -> one.partition() == partition)
        .singleElement()
        .satisfies(
            one -> {
              assertThat(one.from()).isEqualTo(stored.get(20).position());
              assertThat(one.beginning()).isEqualTo(20);
            });
  }

  @Test
  void several_lanes_topics_and_records_of_an_event_are_each_compared_in_their_order()
      throws Exception {
    lanes = 3;
    bench.createTopic(bench.topic + "-audit", Bench.PARTITIONS);
    topics.put(bench.topic + "-audit", Bench.PARTITIONS);
    for (int i = 0; i < 40; i++) {
      bench.append("order-" + i, 5);
    }
    mapper =
        event ->
            event.version() == 2
                ? List.of()
                : List.of(
                    cloudEvents.record(event),
                    cloudEvents.record(event, 1).topic(bench.topic + "-audit").key((byte[]) null));
    VerificationReport exact = forged(records -> {});
    assertThat(exact.isExact()).as("%s", exact).isTrue();
    assertThat(exact.records()).isEqualTo(320);
    assertThat(exact.events()).isEqualTo(200);

    VerificationReport damaged = forged(records -> records.remove(201));
    assertThat(damaged.differences()).as("%s", damaged).containsExactly(entry(Kind.MISSING, 1L));
    assertThat(damaged.first().get(0).index()).isEqualTo(1);
    assertThat(damaged.others()).as("the first copy").isEqualTo(320);
  }

  @Test
  void of_what_was_erased_truncated_or_purged_since_only_the_place_is_checked() throws Exception {
    bench.append("order-1", 10);
    bench.append("order-2", 10);
    bench.append("order-3", 10);
    Forgery.send(bench, forgery().records(bench.stored()));
    Eraser eraser = Eraser.of(bench.database.dataSource(), "eventstore");
    eraser.erase(StreamId.of("order", "1"), 4, "asked to");
    eraser.truncateBefore(StreamId.of("order", "2"), 6);
    eraser.tombstone(StreamId.of("order", "3"));

    VerificationReport report = verify();

    assertThat(report.isExact()).as("%s", report).isTrue();
    assertThat(report.notCompared()).isEqualTo(1 + 5 + 10);
    assertThat(report.records()).isEqualTo(9 + 5);
  }

  @Test
  void messages_are_seen_and_a_missing_one_is_a_gap() throws Exception {
    bench.append("order-1", 10);
    List<RecordedEvent> stored = bench.stored();
    VerificationReport exact = sent(withMessage(stored));
    assertThat(exact.isExact()).as("%s", exact).isTrue();
    assertThat(exact.messages()).isEqualTo(1);

    List<ProducerRecord<byte[], byte[]>> without = withMessage(stored);
    without.remove(5);
    VerificationReport gap = sent(without);
    assertThat(gap.differences()).as("%s", gap).containsExactly(entry(Kind.GAP, 1L));
    assertThat(gap.first().get(0).position()).isEqualTo(stored.get(5).position());
  }

  private List<ProducerRecord<byte[], byte[]>> withMessage(List<RecordedEvent> stored) {
    Forgery forgery = forgery();
    List<ProducerRecord<byte[], byte[]>> records =
        new ArrayList<>(forgery.records(stored.subList(0, 5)));
    records.add(forgery.message("order-1", stored.get(4).position(), 1));
    records.addAll(forgery.records(stored.subList(5, 10)));
    return records;
  }

  @Test
  void what_is_repeated_as_promised_is_counted_and_no_difference() throws Exception {
    bench.append("order-1", 10);
    repeatsAllowed = true;
    VerificationReport atLeastOnce =
        forged(records -> records.addAll(8, new ArrayList<>(records.subList(3, 8))));
    assertThat(atLeastOnce.isExact()).as("%s", atLeastOnce).isTrue();
    assertThat(atLeastOnce.repeated()).isEqualTo(5);

    repeatsAllowed = false;
    rewound = true;
    VerificationReport afterRewind = sent(rewound(bench.stored()));
    assertThat(afterRewind.isExact()).as("%s", afterRewind).isTrue();
    assertThat(afterRewind.repeated()).isEqualTo(6);

    List<ProducerRecord<byte[], byte[]>> oneTooMany = rewound(bench.stored());
    oneTooMany.add(oneTooMany.get(12));
    assertThat(sent(oneTooMany).differences()).containsExactly(entry(Kind.REPEATED, 1L));
  }

  private List<ProducerRecord<byte[], byte[]>> rewound(List<RecordedEvent> stored) {
    Forgery forgery = forgery();
    List<ProducerRecord<byte[], byte[]>> records =
        new ArrayList<>(forgery.records(stored.subList(0, 8)));
    forgery.beginAnew();
    records.addAll(forgery.records(stored.subList(2, 10)));
    return records;
  }

  @Test
  void what_the_policy_or_an_operator_kept_back_is_not_missing() throws Exception {
    bench.append("order-1", 3);
    bench.append("order-2", 3);
    bench.append("order-3", 3);
    bench.append("order-4", 3);
    bench.createTopic(bench.topic + "-dead", Bench.PARTITIONS);
    topics.put(bench.topic + "-dead", Bench.PARTITIONS);
    deadLetters = Optional.of(bench.topic + "-dead");
    List<RecordedEvent> stored = bench.stored();
    leftOut =
        Map.of(
            StreamId.of("order", "1"),
            List.of(new PositionRange(stored.get(1).position(), stored.get(2).position())));
    skipped = Set.of(stored.get(4).position());

    VerificationReport report = sent(keptBack(stored));
    assertThat(report.isExact()).as("%s", report).isTrue();
    assertThat(report.left()).isEqualTo(3);
    assertThat(report.notCompared()).as("dead letters").isEqualTo(1);
    assertThat(report.records()).isEqualTo(8);

    List<ProducerRecord<byte[], byte[]>> withoutTheRetry = keptBack(stored);
    withoutTheRetry.remove(withoutTheRetry.size() - 1);
    assertThat(sent(withoutTheRetry).differences()).containsExactly(entry(Kind.MISSING, 1L));
  }

  /** The eighth is a dead letter, the eleventh was parked and is sent last. */
  private List<ProducerRecord<byte[], byte[]>> keptBack(List<RecordedEvent> stored) {
    Forgery forgery = forgery();
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (int i : List.of(0, 3, 5, 6, 7, 8, 9, 11)) {
      RecordedEvent event = stored.get(i);
      RelayRecord content = cloudEvents.record(event);
      records.add(
          forgery.record(
              event,
              i == 7 ? content.topic(deadLetters.orElseThrow()) : content,
              event.position(),
              0));
    }
    RecordedEvent late = stored.get(10);
    ProducerRecord<byte[], byte[]> retried =
        forgery.record(late, cloudEvents.record(late), stored.get(11).position(), 1);
    Forgery.header(retried, "es_event_position", late.position().toString());
    records.add(retried);
    return records;
  }

  @Test
  void an_event_that_the_mapper_fails_at_is_not_compared() throws Exception {
    bench.append("order-1", 10);
    Forgery forgery = forgery();
    List<ProducerRecord<byte[], byte[]>> records = forgery.records(bench.stored());
    mapper =
        event -> {
          if (event.version() == 5) {
            throw new IllegalStateException("made to fail");
          }
          return cloudEvents.map(event);
        };
    VerificationReport report = sent(records);
    assertThat(report.isExact()).as("%s", report).isTrue();
    assertThat(report.notCompared()).isEqualTo(1);
    assertThat(report.records()).isEqualTo(9);
  }

  @Test
  void aborted_records_are_not_seen_and_those_of_other_producers_only_counted() throws Exception {
    bench.append("order-1", 10);
    List<ProducerRecord<byte[], byte[]>> records = forgery().records(bench.stored());
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bench.broker.bootstrap(), "transactional.id", bench.topic),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      producer.initTransactions();
      producer.beginTransaction();
      records.forEach(producer::send);
      producer.flush();
      producer.abortTransaction();
      producer.beginTransaction();
      producer.send(new ProducerRecord<>(bench.topic, 0, null, "somebody's".getBytes(UTF_8)));
      records.forEach(producer::send);
      producer.commitTransaction();
    }
    await().until(() -> !bench.hasOpenTransaction());
    VerificationReport report = verify();
    assertThat(report.isExact()).as("%s", report).isTrue();
    assertThat(report.others()).isEqualTo(1);
  }

  @Test
  void headers_that_cannot_be_read_are_told() throws Exception {
    backlog();
    VerificationReport report =
        forged(records -> Forgery.header(records.get(59), "es_position", "many"));
    assertThat(report.differences())
        .as("%s", report)
        .containsExactlyInAnyOrderEntriesOf(Map.of(Kind.UNKNOWN, 1L, Kind.MISSING, 1L));
  }

  @Test
  void more_differences_than_anybody_reads_are_counted_and_the_first_told() throws Exception {
    bench.append("order-1", 500);
    VerificationReport report = forged(List::clear);
    assertThat(report.differences()).containsExactly(entry(Kind.MISSING, 500L));
    assertThat(report.first()).hasSize(VerificationReport.MOST_DIFFERENCES);
    assertThat(report.first().get(0).position()).isEqualTo(bench.stored().get(0).position());
  }

  @Test
  void a_store_that_has_lost_commits_is_told() {
    bench.append("order-1", 1);
    Position beyond = Position.of(bench.stored().get(0).position().value() + 100);
    assertThatThrownBy(() -> RelayVerification.run(plan("any", beyond), one -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("it has lost commits");
  }

  @Test
  void what_operators_and_policies_did_to_a_relay_is_known() throws Exception {
    bench.createTopic(bench.topic + "-dead", 2);
    bench.createTopic(bench.topic + "-audit", 2);
    AtomicBoolean mended = new AtomicBoolean();
    RecordMapper careful =
        event -> {
          boolean poison = event.version() == 3 && !mended.get();
          if (poison && !event.stream().key().equals("0")) {
            throw new IllegalStateException("made to fail");
          }
          return List.of(
              cloudEvents.record(event),
              cloudEvents.record(event, 1).topic(bench.topic + "-audit"));
        };
    KafkaRelay.Builder builder =
        bench
            .relay()
            .lanes(2)
            .mapper(careful)
            .deadLetters(bench.topic + "-dead")
            .onPoison(PoisonPolicy.decide(RelayVerificationTest::decide));
    for (int i = 0; i < 8; i++) {
      bench.append("order-" + i, 5);
    }
    RelayOperations operations = builder.operations();
    try (KafkaRelay relay = builder.start()) {
      bench.append("order-8", 1);
      // Of all lanes.
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
    }
    VerificationReport parked = operations.verify(progress -> {});
    assertThat(parked.isExact()).as("%s", parked).isTrue();
    assertThat(parked.left()).as("two streams wait, two events are skipped").isEqualTo(2 * 3 + 2);

    mended.set(true);
    operations.retryParked(StreamId.parse("order-1"));
    operations.discardParked(StreamId.parse("order-2"), "not needed");
    operations.publishTombstone(StreamId.parse("order-3"));
    operations.rewindTo(Position.START, "once more");
    try (KafkaRelay relay = builder.start()) {
      bench.append("order-2", 2);
      // Of all lanes.
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
    }
    VerificationReport rewound = operations.verify(progress -> {});
    assertThat(rewound.isExact()).as("%s", rewound).isTrue();
    assertThat(rewound.repeated()).isPositive();

    operations.newSeries(Position.START, "from the beginning");
    try (KafkaRelay relay = builder.start()) {
      bench.append("order-2", 2);
      // Of all lanes.
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
    }
    VerificationReport second = operations.verify(progress -> {});
    assertThat(second.isExact()).as("%s", second).isTrue();
    assertThat(second.others()).isPositive();
  }

  private static PoisonPolicy.Decision decide(PoisonPolicy.Poison poison) {
    return switch (poison.stream().orElse("")) {
      case "order-1", "order-2" -> PoisonPolicy.Decision.PARK_STREAM;
      case "order-3", "order-4" -> PoisonPolicy.Decision.SKIP;
      default -> PoisonPolicy.Decision.DEAD_LETTER;
    };
  }

  @Test
  void a_relay_that_promises_at_least_once_is_verified_too() throws Exception {
    KafkaRelay.Builder builder = bench.relay().delivery(Delivery.AT_LEAST_ONCE);
    assertThat(builder.operations().verify(progress -> {}).records()).as("before it ran").isZero();
    bench.appendBacklog(2_000, 200);
    try (KafkaRelay relay = builder.start()) {
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
    }
    VerificationReport report = builder.operations().verify(progress -> {});
    assertThat(report.isExact()).as("%s", report).isTrue();
    assertThat(report.records()).isEqualTo(2_001);
  }

  private VerificationReport forged(Consumer<List<ProducerRecord<byte[], byte[]>>> damage)
      throws InterruptedException {
    List<ProducerRecord<byte[], byte[]>> records =
        new ArrayList<>(forgery().records(bench.stored()));
    damage.accept(records);
    return sent(records);
  }

  private VerificationReport sent(List<ProducerRecord<byte[], byte[]>> records)
      throws InterruptedException {
    Forgery.send(bench, records);
    return verify();
  }

  /** Each is an order of its own, because a test may damage more than once. */
  private Forgery forgery() {
    forgeries++;
    return new Forgery(series(), bench.topic, Bench.PARTITIONS, lanes, mapper);
  }

  private String series() {
    return "forged~" + forgeries;
  }

  private VerificationReport verify() throws InterruptedException {
    return RelayVerification.run(
        plan(series(), bench.store.unwrap(EventFeed.class).orElseThrow().highWaterMark()),
        progress -> {});
  }

  private VerificationPlan plan(String series, Position reached) {
    List<VerificationPlan.Lane> all = new ArrayList<>();
    for (int lane = 0; lane < lanes; lane++) {
      all.add(
          new VerificationPlan.Lane(
              lane, series, Position.START, reached, topics, leftOut, skipped, rewound, Map.of()));
    }
    return new VerificationPlan(
        bench.store.unwrap(EventFeed.class).orElseThrow(),
        new KafkaSettings(Map.of("bootstrap.servers", bench.broker.bootstrap())),
        EventQuery.all(),
        mapper,
        bench.topic,
        deadLetters,
        repeatsAllowed,
        all);
  }

  private static ProducerRecord<byte[], byte[]> withValue(
      ProducerRecord<byte[], byte[]> record, String value) {
    return new ProducerRecord<>(
        record.topic(),
        record.partition(),
        record.key(),
        value == null ? null : value.getBytes(UTF_8),
        record.headers());
  }
}
