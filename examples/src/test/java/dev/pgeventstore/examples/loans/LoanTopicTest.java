package dev.pgeventstore.examples.loans;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.kafka.consumer.GapException;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(KafkaExtension.class)
class LoanTopicTest {

  private final String name = "loans-" + UUID.randomUUID();
  private final String bootstrap;
  private final LoanTopic topic;

  LoanTopicTest(KafkaBroker broker) {
    bootstrap = broker.bootstrap();
    topic = new LoanTopic(bootstrap, name);
  }

  @BeforeEach
  void create() throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(List.of(new NewTopic(name, 1, (short) 1))).all().get();
    }
  }

  @Test
  void events_in_order_are_counted() {
    publish("application-1 1 after 0", "application-2 4 after 1", "application-1 7 after 4");

    assertThat(topic.verify()).isEqualTo(new LoanTopic.Content(3, 2));
  }

  @Test
  void an_empty_topic_has_nothing() {
    assertThat(topic.verify()).isEqualTo(new LoanTopic.Content(0, 0));
  }

  @Test
  void a_repeated_event_is_reported() {
    publish("application-1 1 after 0", "application-1 2 after 1", "application-1 2 after 1");

    assertThatIllegalStateException()
        .isThrownBy(topic::verify)
        .withMessageStartingWith("it comes twice")
        .withMessageContaining("at 2:0 after 1:0");
  }

  @Test
  void a_missing_event_is_reported() {
    publish("application-1 1 after 0", "application-1 3 after 2");

    assertThatExceptionOfType(GapException.class)
        .isThrownBy(topic::verify)
        .withMessageContaining("the last one seen is 1:0");
  }

  @Test
  void records_of_an_aborted_transaction_are_not_read() {
    try (Producer<String, byte[]> producer = producer()) {
      producer.beginTransaction();
      producer.send(record("application-1 7 after 0"));
      producer.flush();
      producer.abortTransaction();
    }
    publish("application-1 1 after 0");

    assertThat(topic.verify()).isEqualTo(new LoanTopic.Content(1, 1));
  }

  private void publish(String... events) {
    try (Producer<String, byte[]> producer = producer()) {
      producer.beginTransaction();
      for (String event : events) {
        producer.send(record(event));
      }
      producer.commitTransaction();
    }
    awaitReadable();
  }

  /** The commit of a producer returns before readers of committed records see its records. */
  private void awaitReadable() {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      await()
          .until(
              () ->
                  end(admin, IsolationLevel.READ_COMMITTED)
                      == end(admin, IsolationLevel.READ_UNCOMMITTED));
    }
  }

  private long end(Admin admin, IsolationLevel level) throws Exception {
    TopicPartition partition = new TopicPartition(name, 0);
    return admin
        .listOffsets(Map.of(partition, OffsetSpec.latest()), new ListOffsetsOptions(level))
        .partitionResult(partition)
        .get()
        .offset();
  }

  private Producer<String, byte[]> producer() {
    Producer<String, byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bootstrap, "transactional.id", name),
            new StringSerializer(),
            new ByteArraySerializer());
    producer.initTransactions();
    return producer;
  }

  /** A record like those of a relay: stream, position, and the position of the previous record. */
  private ProducerRecord<String, byte[]> record(String event) {
    String[] words = event.split(" ");
    ProducerRecord<String, byte[]> record =
        new ProducerRecord<>(name, words[0], "{}".getBytes(UTF_8));
    Map.of(
            "es_relay",
            name,
            "es_lane",
            "0",
            "es_position",
            words[1],
            "es_index",
            "0",
            "es_prev",
            words[3] + ":0",
            "es_version",
            "1")
        .forEach((header, text) -> record.headers().add(header, text.getBytes(UTF_8)));
    return record;
  }
}
