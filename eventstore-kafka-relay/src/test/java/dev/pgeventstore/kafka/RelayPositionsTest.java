package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Positions that are lost, or older than what was published. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
class RelayPositionsTest {

  private static final Pattern NEW_SERIES =
      Pattern.compile("newSeries\\((?:(\\d+), )?Position.of\\((\\d+)\\)");

  /** More than are looked at first, in each partition. */
  private static final int FOREIGN = 300;

  private Bench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  private void publish(KafkaRelay.Builder builder, String stream, int events) throws Exception {
    try (KafkaRelay relay = builder.start()) {
      relay.awaitPublished(bench.append(stream, events).position(), Bench.PATIENCE);
    }
  }

  private static String haltedReason(KafkaRelay.Builder builder) {
    try (KafkaRelay relay = builder.start()) {
      await()
          .atMost(Bench.PATIENCE)
          .until(
              () ->
                  relay.status().state() == State.HALTED
                      || relay.status().state() == State.LEADING && relay.status().lag() == 0);
      assertThat(relay.status().state()).as(relay.status().toString()).isEqualTo(State.HALTED);
      return relay.status().reason().orElseThrow();
    }
  }

  private void goOnAsItSays(KafkaRelay.Builder builder, String reason) throws Exception {
    Matcher series = NEW_SERIES.matcher(reason);
    assertThat(series.find()).as(reason).isTrue();
    Position after = Position.of(Long.parseLong(series.group(2)));
    if (series.group(1) == null) {
      builder.operations().newSeries(after, "as it says");
    } else {
      builder.operations().newSeries(Integer.parseInt(series.group(1)), after, "as it says");
    }
    publish(builder, "order-9", 2);
    VerificationReport report = builder.operations().verify(progress -> {});
    assertThat(report.isExact()).as("%s", report).isTrue();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void with_an_older_copy_of_its_positions_it_halts_and_repeats_nothing(int lanes)
      throws Exception {
    KafkaRelay.Builder builder = bench.relay().lanes(lanes);
    publish(builder, "order-1", 3);
    TopicCopy copy = TopicCopy.of(bench, bench.positionTopic(), lanes);
    // One of them, and nothing in the other lanes.
    publish(builder, "order-1", 2);
    copy.putBack();
    bench.append("order-1", 1);

    String reason = haltedReason(builder);

    assertThat(reason).contains("2 of the last records are not in its notes");
    assertThat(bench.consumed()).hasSize(5);
    goOnAsItSays(builder, reason);
    assertThat(bench.consumed()).hasSize(8);
  }

  @Test
  void with_a_copy_from_before_its_first_record_or_an_earlier_series_it_halts_as_well()
      throws Exception {
    KafkaRelay.Builder builder = bench.relay();
    builder.operations().pause("before the first");
    builder.operations().resume();
    TopicCopy before = TopicCopy.of(bench, bench.positionTopic(), 1);
    publish(builder, "order-1", 3);
    TopicCopy first = TopicCopy.of(bench, bench.positionTopic(), 1);
    builder.operations().newSeries(Position.of(2), "a test");
    publish(builder, "order-1", 1);

    for (TopicCopy copy : new TopicCopy[] {before, first}) {
      copy.putBack();
      String reason = haltedReason(builder);
      assertThat(reason).contains("of the last records are not in its notes");
      assertThat(bench.consumed()).hasSize(5);
    }
    goOnAsItSays(builder, haltedReason(builder));
    assertThat(bench.consumed().get(bench.consumed().size() - 1))
        .satisfies(record -> assertThat(header(record, "es_relay")).endsWith("~3"));
  }

  @Test
  void an_older_copy_is_known_by_the_database_where_retention_has_removed_the_records()
      throws Exception {
    KafkaRelay.Builder builder = bench.relay();
    publish(builder, "order-1", 1);
    TopicCopy copy = TopicCopy.of(bench, bench.positionTopic(), 1);
    try (KafkaRelay relay = builder.start()) {
      for (int i = 0; i < 3; i++) {
        relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
      }
    }
    copy.putBack();
    Map<TopicPartition, RecordsToDelete> all = new HashMap<>();
    for (int partition = 0; partition < Bench.PARTITIONS; partition++) {
      all.put(new TopicPartition(bench.topic, partition), RecordsToDelete.beforeOffset(-1));
    }
    try (Admin admin = bench.admin()) {
      admin.deleteRecords(all).all().get();
    }

    assertThat(haltedReason(builder)).contains("by the database it has sent more");
    assertThat(bench.consumed()).isEmpty();
  }

  @Test
  void what_another_delivery_has_published_meanwhile_is_not_published_again() throws Exception {
    KafkaRelay.Builder once = bench.relay();
    publish(once, "order-1", 3);
    Position published = bench.store.highWaterMark();
    KafkaRelay.Builder atLeastOnce =
        bench.relay().delivery(Delivery.AT_LEAST_ONCE).startAfter(published);
    forgetTheDeclaration();
    bench.append("order-1", 2);
    assertThat(haltedReason(atLeastOnce))
        .contains("startAfter is for a relay that has never begun");
    assertThat(bench.consumed()).hasSize(3);

    atLeastOnce.operations().newSeries(published, "a test");
    publish(atLeastOnce, "order-1", 2);
    assertThat(bench.consumed()).hasSize(7);

    forgetTheDeclaration();
    bench.append("order-1", 1);
    String reason = haltedReason(bench.relay());
    assertThat(reason).contains("of the last records are not in its notes");
    assertThat(bench.consumed()).hasSize(7);
    goOnAsItSays(bench.relay(), reason);
  }

  /** Which would be refused before anything else. */
  private void forgetTheDeclaration() throws SQLException {
    execute("delete from eventstore.lease_notes where key = 'declared'");
  }

  @ParameterizedTest
  @EnumSource
  void where_to_start_counts_only_for_a_relay_that_has_never_begun(Delivery delivery)
      throws Exception {
    KafkaRelay.Builder builder = bench.relay().delivery(delivery).startAfter(Position.START);
    // Somebody else's, as of a connector that was there before.
    foreign();
    publish(builder, "order-1", 3);
    foreign();
    loseThePosition(delivery);

    String reason = haltedReason(builder);
    assertThat(reason).contains("startAfter is for a relay that has never begun");
    assertThat(bench.consumed()).hasSize(3 + 2 * FOREIGN);
    // Nor when the database does not know that it has begun.
    execute("delete from eventstore.lease_notes");
    assertThat(haltedReason(builder)).contains("startAfter is for a relay that has never begun");
    assertThat(bench.consumed()).hasSize(3 + 2 * FOREIGN);

    goOnAsItSays(builder, reason);
    assertThat(bench.consumed()).hasSize(5 + 2 * FOREIGN);
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement()) {
      assertThat(statement.executeUpdate(sql)).isPositive();
    }
  }

  private void loseThePosition(Delivery delivery) throws Exception {
    if (delivery == Delivery.EXACTLY_ONCE) {
      TopicCopy.delete(bench, bench.positionTopic());
    } else {
      execute("delete from eventstore.lease_notes where key = 'position'");
    }
  }

  @ParameterizedTest
  @EnumSource
  void in_a_topic_of_others_it_begins_where_it_is_told(Delivery delivery) throws Exception {
    foreign();
    bench.append("order-1", 2);
    assertThat(haltedReason(bench.relay().delivery(delivery)))
        .contains("though not by this relay")
        .contains("startAfter(Position.START)");
    publish(bench.relay().delivery(delivery).startAfter(Position.START), "order-1", 1);
    assertThat(bench.consumed()).hasSize(3 + FOREIGN);
  }

  private void foreign() {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bench.broker.bootstrap()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      for (int i = 0; i < FOREIGN; i++) {
        producer.send(new ProducerRecord<>(bench.topic, i % Bench.PARTITIONS, null, new byte[1]));
      }
    }
  }

  @Test
  void an_open_transaction_of_another_producer_does_not_keep_it_from_leading() throws Exception {
    publish(bench.relay(), "order-1", 3);
    try (KafkaProducer<byte[], byte[]> other =
        new KafkaProducer<>(
            Map.of(
                "bootstrap.servers",
                bench.broker.bootstrap(),
                "transactional.id",
                "other-" + bench.topic,
                "transaction.timeout.ms",
                900_000),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      other.initTransactions();
      other.beginTransaction();
      for (int partition = 0; partition < Bench.PARTITIONS; partition++) {
        other.send(new ProducerRecord<>(bench.topic, partition, null, new byte[] {1})).get();
      }
      publish(bench.relay(), "order-1", 3);
      publish(bench.relay(), "order-1", 3);
      other.abortTransaction();
    }
    ExactSequence.check(bench.stored(), bench.consumed());
  }
}
