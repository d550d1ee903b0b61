package dev.pgeventstore.kafka.consumer;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.Answer;
import dev.pgeventstore.kafka.internal.clients.KafkaClients;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;

/**
 * Sets records aside that a consumer cannot handle: in a topic of their own, with key, value and
 * all headers as they were, and headers that say where they come from and what was wrong. Safe for
 * many threads.
 *
 * <table>
 *   <caption>Headers</caption>
 *   <tr><th>name</th><th>what it says</th></tr>
 *   <tr><td>{@code dl_topic}, {@code dl_partition}, {@code dl_offset}, {@code dl_timestamp}</td>
 *       <td>where the record was</td></tr>
 *   <tr><td>{@code dl_group}</td><td>which consumers could not handle it</td></tr>
 *   <tr><td>{@code dl_exception}, {@code dl_message}</td><td>class and message of the failure; the
 *       message is cut after 1,000 characters</td></tr>
 *   <tr><td>{@code dl_attempts}</td><td>how often it was tried</td></tr>
 * </table>
 *
 * <p>Those of one partition go to one partition, so their order is kept. They are sent at least
 * once. The way back is not the topic where they were: the marks of all consumers have passed their
 * places. It is {@link RelayedConsumer.Builder#replayDeadLettersOf}, or {@link #original} in a loop
 * of one's own, with an inbox for a group of its own that {@linkplain SequenceRules#allowingHoles
 * allows holes}: it drops those that were sent twice.
 */
public final class DeadLetters implements AutoCloseable {

  private static final String TOPIC = "dl_topic";
  private static final String PARTITION = "dl_partition";
  private static final String OFFSET = "dl_offset";
  private static final String TIMESTAMP = "dl_timestamp";
  private static final String GROUP = "dl_group";
  private static final String EXCEPTION = "dl_exception";
  private static final String MESSAGE = "dl_message";
  private static final String ATTEMPTS = "dl_attempts";

  /** Others that begin like these are the record's own. */
  private static final Set<String> OWN =
      Set.of(TOPIC, PARTITION, OFFSET, TIMESTAMP, GROUP, EXCEPTION, MESSAGE, ATTEMPTS);

  private static final int LONGEST_MESSAGE = 1_000;
  private static final int MOST_BYTES = 32 * 1024 * 1024;
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Duration PATIENCE_TO_LOOK = Duration.ofSeconds(10);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(4);

  private final Scheduler scheduler;
  private final Producer<byte[], byte[]> producer;
  private final Admin admin;
  private final String topic;

  private DeadLetters(
      Scheduler scheduler, Producer<byte[], byte[]> producer, Admin admin, String topic) {
    this.scheduler = scheduler;
    this.producer = producer;
    this.admin = admin;
    this.topic = topic;
  }

  /**
   * Dead letters to a topic, sent by a producer of their own.
   *
   * @param topic must exist: it is never created. One partition is enough
   * @param kafka settings of the producer; {@code acks} is {@code all}
   * @return to be closed
   */
  public static DeadLetters to(String topic, Map<String, ?> kafka) {
    return to(topic, kafka, KafkaClients.real(), Scheduler.threads());
  }

  static DeadLetters to(
      String topic, Map<String, ?> kafka, KafkaClients clients, Scheduler scheduler) {
    Map<String, Object> settings = KafkaSettings.ofClient(kafka, ProducerConfig.configNames());
    // What is not acknowledged in time is tried again by the consumer, with everything else.
    settings.putIfAbsent(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, (int) PATIENCE.toMillis());
    settings.putIfAbsent(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, 10_000);
    settings.putIfAbsent(ProducerConfig.MAX_BLOCK_MS_CONFIG, 10_000);
    // Whatever was read must fit, if the topic allows it.
    settings.putIfAbsent(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, MOST_BYTES);
    // A producer asks for the topics that it knows, and where brokers create what is asked for that
    // would bring back one that was deleted: so it forgets them soon.
    settings.putIfAbsent(ProducerConfig.METADATA_MAX_IDLE_CONFIG, 5_000);
    settings.put(ProducerConfig.ACKS_CONFIG, "all");
    Objects.requireNonNull(topic, "topic");
    Admin admin = clients.admin(settingsOfAdmin(kafka));
    try {
      return new DeadLetters(scheduler, clients.producer(settings), admin, topic);
    } catch (RuntimeException | Error e) {
      admin.close(Duration.ZERO);
      throw e;
    }
  }

  private static Map<String, Object> settingsOfAdmin(Map<String, ?> kafka) {
    Map<String, Object> settings = KafkaSettings.ofClient(kafka, AdminClientConfig.configNames());
    settings.putIfAbsent(
        AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, (int) PATIENCE_TO_LOOK.toMillis());
    settings.putIfAbsent(
        AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, (int) PATIENCE_TO_LOOK.toMillis() / 2);
    return settings;
  }

  /**
   * Sets a record aside, and waits until that is acknowledged. Move the mark afterwards, by {@link
   * WatermarkInbox#handle handling} the record with a handler that does nothing.
   *
   * @param record as it was read
   * @param group that could not handle it
   * @param failure why
   * @param attempts how often it was tried
   * @throws KafkaException if it was not acknowledged, or the topic does not exist
   * @throws InterruptedException if the thread was interrupted
   */
  public void send(
      ConsumerRecord<byte[], byte[]> record, String group, Throwable failure, int attempts)
      throws InterruptedException {
    int partition = record.partition() % partitions();
    ProducerRecord<byte[], byte[]> letter =
        new ProducerRecord<>(topic, partition, record.key(), record.value(), withoutOrigin(record));
    String message = messageOf(failure);
    add(letter, TOPIC, record.topic());
    add(letter, PARTITION, record.partition());
    add(letter, OFFSET, record.offset());
    add(letter, TIMESTAMP, record.timestamp());
    add(letter, GROUP, group);
    add(letter, EXCEPTION, failure.getClass().getName());
    add(letter, MESSAGE, message.substring(0, Math.min(LONGEST_MESSAGE, message.length())));
    add(letter, ATTEMPTS, attempts);
    Answer<RecordMetadata> answer = new Answer<>(scheduler);
    try {
      Future<RecordMetadata> unused = producer.send(letter, answer::is);
      answer.await(PATIENCE);
    } catch (ExecutionException | TimeoutException e) {
      throw new KafkaException(
          "%s-%d@%d cannot be sent to the dead letter topic %s: %s"
              .formatted(
                  record.topic(), record.partition(), record.offset(), topic, e.getMessage()),
          e);
    }
  }

  /** Looks first: where brokers create what a producer asks for, it must not ask. */
  private int partitions() throws InterruptedException {
    Answer<TopicDescription> answer = new Answer<>(scheduler);
    try {
      var described = admin.describeTopics(List.of(topic)).topicNameValues().get(topic);
      KafkaFuture<TopicDescription> unused =
          Objects.requireNonNull(described, "an answer for the topic").whenComplete(answer::is);
      return Objects.requireNonNull(answer.await(PATIENCE_TO_LOOK), "a description of the topic")
          .partitions()
          .size();
    } catch (ExecutionException | TimeoutException e) {
      if (e.getCause() instanceof UnknownTopicOrPartitionException) {
        throw new KafkaException(
            "the dead letter topic %s does not exist, and is not created by itself: create it"
                .formatted(topic),
            e.getCause());
      }
      throw new KafkaException("the dead letter topic %s cannot be looked at".formatted(topic), e);
    }
  }

  /** It is the application's, and may fail to say anything. */
  private static String messageOf(Throwable failure) {
    try {
      return Objects.toString(failure.getMessage(), "");
    } catch (RuntimeException | StackOverflowError e) {
      return "";
    }
  }

  private static void add(ProducerRecord<byte[], byte[]> letter, String name, Object value) {
    letter.headers().add(name, value.toString().getBytes(UTF_8));
  }

  /**
   * The record that was set aside: as it was, and where it was.
   *
   * @param letter from a dead letter topic
   * @return with the topic, partition, offset, time and headers it had
   * @throws NotRelayedException if it lacks the headers of a dead letter
   */
  public static ConsumerRecord<byte[], byte[]> original(ConsumerRecord<byte[], byte[]> letter) {
    RelayHeaders headers = new RelayHeaders(letter);
    return new ConsumerRecord<>(
        headers.require(TOPIC),
        headers.require(PARTITION, Numbers::parseInt),
        headers.require(OFFSET, Numbers::parseLong),
        headers.require(TIMESTAMP, Long::parseLong),
        TimestampType.CREATE_TIME,
        letter.serializedKeySize(),
        letter.serializedValueSize(),
        letter.key(),
        letter.value(),
        withoutOrigin(letter),
        letter.leaderEpoch());
  }

  /**
   * The consumer group that could not handle it.
   *
   * @param letter from a dead letter topic
   * @return the group
   * @throws NotRelayedException if it lacks the headers of a dead letter
   */
  public static String groupOf(ConsumerRecord<byte[], byte[]> letter) {
    return new RelayHeaders(letter).require(GROUP);
  }

  private static RecordHeaders withoutOrigin(ConsumerRecord<byte[], byte[]> record) {
    RecordHeaders headers = new RecordHeaders();
    for (Header header : record.headers()) {
      if (!OWN.contains(header.key())) {
        headers.add(header);
      }
    }
    return headers;
  }

  /** Ends the clients, within some seconds. */
  @Override
  public void close() {
    try {
      producer.close(CLOSE_TIMEOUT);
    } finally {
      admin.close(Duration.ZERO);
    }
  }
}
