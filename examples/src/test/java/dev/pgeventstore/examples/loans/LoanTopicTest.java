package dev.pgeventstore.examples.loans;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeader;
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
      admin.createTopics(List.of(new NewTopic(name, 2, (short) 1))).all().get();
    }
  }

  @Test
  void events_in_order_are_counted() {
    publish("application-1 1", "application-2 1", "application-1 2");

    assertThat(topic.verify()).isEqualTo(new LoanTopic.Content(3, 2));
  }

  @Test
  void an_empty_topic_has_nothing() {
    assertThat(topic.verify()).isEqualTo(new LoanTopic.Content(0, 0));
  }

  @Test
  void an_event_that_comes_twice_is_told() {
    publish("application-1 1", "application-1 2", "application-1 2");

    assertThatIllegalStateException()
        .isThrownBy(topic::verify)
        .withMessageEndingWith("event 2 of stream application-1 comes after its event 2");
  }

  @Test
  void an_event_that_is_left_out_is_told() {
    publish("application-1 1", "application-1 3");

    assertThatIllegalStateException()
        .isThrownBy(topic::verify)
        .withMessageEndingWith("event 3 of stream application-1 comes after its event 1");
  }

  @Test
  void records_of_a_transaction_that_was_broken_off_are_not_read() {
    try (Producer<String, byte[]> producer = producer()) {
      producer.beginTransaction();
      producer.send(record("application-1 7"));
      producer.flush();
      producer.abortTransaction();
    }
    publish("application-1 1");

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

  private ProducerRecord<String, byte[]> record(String event) {
    String[] streamAndVersion = event.split(" ");
    byte[] version = streamAndVersion[1].getBytes(UTF_8);
    return new ProducerRecord<>(
        name,
        null,
        streamAndVersion[0],
        "{}".getBytes(UTF_8),
        List.of(new RecordHeader("es_version", version)));
  }
}
