package dev.pgeventstore.examples.loans;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.VerificationReport;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.RelayedRecord;
import dev.pgeventstore.kafka.consumer.Watermarks;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.errors.TopicExistsException;

/** The topic that the events of all applications are published to. */
final class LoanTopic {

  private static final int PARTITIONS = 4;

  private final Topic topic;
  private final RecordDecoder decoder =
      RecordDecoder.of(JacksonCodec.of(EventTypes.of(LoanEvent.class)));

  LoanTopic(String bootstrap, String name) {
    this.topic = new Topic(bootstrap, name);
  }

  /** Publishes all stored and new events until the relay is closed. */
  KafkaRelay follow(EventStore store) throws InterruptedException {
    create();
    return relay(store).start();
  }

  /** The relay of this topic. */
  KafkaRelay.Builder relay(EventStore store) {
    return KafkaRelay.builder(store, topic.client())
        .name(topic.name())
        .topic(topic.name())
        .query(EventQuery.all().categories(LoanApplication.CATEGORY));
  }

  /** Creates the topic, unless it exists. */
  void create() throws InterruptedException {
    try (Admin admin = Admin.create(topic.client())) {
      NewTopic wanted = new NewTopic(topic.name(), Optional.of(PARTITIONS), Optional.empty());
      admin.createTopics(List.of(wanted)).all().get();
    } catch (ExecutionException e) {
      if (!(e.getCause() instanceof TopicExistsException)) {
        throw new IllegalStateException(
            "topic %s cannot be created: %s".formatted(topic.name(), e.getCause().getMessage()), e);
      }
    }
  }

  /**
   * The content of the topic.
   *
   * @param events the number of published events
   * @param applications the number of applications that the events belong to
   */
  record Content(long events, long applications) {

    @Override
    public String toString() {
      return "%d events of %d applications".formatted(events, applications);
    }
  }

  /**
   * Reads the whole topic, as another service would, and verifies that no record is missing or
   * repeated. This is possible because every record names the one before it.
   *
   * @throws dev.pgeventstore.kafka.consumer.GapException at the first missing record
   * @throws IllegalStateException at the first repeated record
   */
  Content verify() {
    Watermarks marks = Watermarks.exact();
    Set<String> applications = new HashSet<>();
    AtomicLong events = new AtomicLong();
    topic.readAll(
        record -> {
          RelayedRecord event = decoder.decode(record).orElseThrow();
          if (!marks.isNew(event)) {
            throw new IllegalStateException("it comes twice: " + event);
          }
          applications.add(new String(record.key(), StandardCharsets.UTF_8));
          events.incrementAndGet();
        });
    return new Content(events.get(), applications.size());
  }

  /**
   * Compares the topic with the store, byte by byte.
   *
   * @throws IllegalStateException if they differ; the message says how
   */
  VerificationReport compare(EventStore store) throws InterruptedException {
    VerificationReport report = relay(store).operations().verify(progress -> {});
    if (!report.isExact()) {
      throw new IllegalStateException(
          "topic %s differs from the store: %s".formatted(topic.name(), report));
    }
    return report;
  }
}
