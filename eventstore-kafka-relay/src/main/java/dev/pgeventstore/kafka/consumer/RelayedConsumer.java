package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.SqlFailure;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.State;
import dev.pgeventstore.kafka.internal.KafkaClients;
import java.sql.Connection;
import java.sql.SQLTransientException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A loop around a {@link WatermarkInbox}: a thread that reads topics and handles what comes, one
 * transaction for each partition of a poll, then commits the offsets. More throughput takes more of
 * them, in the same group; they share the partitions. All methods are safe for many threads; the
 * handler is called by this one thread.
 *
 * <p>What fails is handled again one record at a time, so that those before the culprit are
 * finished. That one is tried a number of times, with pauses, during which the other partitions go
 * on. Then it is set aside if there is a dead letter topic, otherwise its partition stops, until
 * {@link #resume()}, a rebalance or a restart. A gap, or a record that cannot be read, stops the
 * partition at once. A database that cannot be reached, a deadlock or a serialization failure is
 * tried again without end, and is nobody's attempt.
 *
 * <p>Whatever the handler throws is an attempt of its record, an {@link Error} or {@link
 * InterruptedException} too. Any other {@link VirtualMachineError} than a {@link
 * StackOverflowError}, such as an {@link OutOfMemoryError}, stops the partition at once, and sets
 * nothing aside. An interrupt that the handler leaves behind is cleared and changes nothing.
 *
 * <p>What is set aside is overtaken by the later records of its key. A process that is killed after
 * a record was set aside and before the mark was moved tries it again: it is then set aside twice,
 * or is handled after all.
 */
public final class RelayedConsumer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RelayedConsumer.class);
  private static final Duration POLL = Duration.ofMillis(100);
  private static final Duration COMMIT = Duration.ofSeconds(5);
  private static final Duration FAREWELL = Duration.ofSeconds(30);

  private final WatermarkInbox inbox;
  private final DataSource dataSource;
  private final RelayedHandler handler;
  private final int retries;
  private final Backoffs backoffs;
  private final @Nullable DeadLetters deadLetters;
  private final @Nullable String replayOf;
  private final Consumer<byte[], byte[]> consumer;
  private final Thread thread;

  private final Map<TopicPartition, PartitionProgress> partitions = new HashMap<>();
  private final Map<TopicPartition, OffsetAndMetadata> toCommit = new HashMap<>();
  private final CountDownLatch closing = new CountDownLatch(1);
  private long handled;
  private long repeated;
  private long setAside;
  private @Nullable String reason;
  private volatile boolean resumes;
  private volatile ConsumerStatus status;

  private RelayedConsumer(Builder builder) {
    this.inbox = builder.inbox;
    this.dataSource = builder.dataSource;
    this.handler = builder.handler;
    this.retries = builder.retries;
    this.backoffs = builder.backoffs;
    this.replayOf = builder.replayOf;
    this.status = currentStatus(State.RUNNING);
    this.consumer = KafkaClients.real().consumer(builder.consumerSettings());
    this.deadLetters =
        builder.deadLetterTopic == null
            ? null
            : DeadLetters.to(builder.deadLetterTopic, builder.producerSettings());
    consumer.subscribe(builder.topics, new Rebalances());
    this.thread = new Thread(this::run, "relayed-consumer-" + inbox.group());
    thread.setDaemon(true);
  }

  /**
   * Begins a consumer.
   *
   * @param kafka settings for Kafka's clients. Unless they say otherwise it reads committed
   *     records, and from the beginning where it has no offset; its group is the inbox's
   * @param dataSource the consumer's own database, with the inbox's table
   * @param inbox whose marks they are
   * @param handler what to do
   * @return options
   */
  public static Builder builder(
      Map<String, ?> kafka, DataSource dataSource, WatermarkInbox inbox, RelayedHandler handler) {
    return new Builder(kafka, dataSource, inbox, handler);
  }

  private void run() {
    State end = State.CLOSED;
    try {
      while (!isClosing()) {
        goOn();
        status = currentStatus(State.RUNNING);
      }
    } catch (Throwable e) {
      LOG.error("consumer {} has ended: {}", inbox.group(), e.toString(), e);
      reason = e.toString();
      end = State.FAILED;
    } finally {
      closeClients();
      partitions.clear();
      status = currentStatus(end);
    }
  }

  private boolean isClosing() {
    return closing.getCount() == 0;
  }

  private void goOn() {
    resumeThoseThatWaited();
    ConsumerRecords<byte[], byte[]> polled;
    try {
      polled = consumer.poll(POLL);
      reason = null;
    } catch (InterruptException e) {
      // Closing interrupts nothing, so it was not meant for this thread.
      Thread.interrupted();
      LOG.info("consumer {} goes on after an interrupt", inbox.group());
      return;
    } catch (KafkaException e) {
      // Such as missing rights, which may be granted later. The client retries what it can itself.
      LOG.warn("consumer {} cannot read: {}", inbox.group(), e.toString());
      reason = e.toString();
      pause(backoffs.longest());
      return;
    }
    for (TopicPartition partition : polled.partitions()) {
      if (isClosing()) {
        break;
      }
      handle(partition, polled.records(partition));
    }
    commitOffsets();
  }

  private void pause(Duration time) {
    try {
      boolean unused = closing.await(Durations.nanos(time), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      LOG.debug("A pause was interrupted", e);
    }
  }

  private void resumeThoseThatWaited() {
    if (resumes) {
      resumes = false;
      partitions.forEach(
          (partition, progress) -> {
            if (progress.isStopped()) {
              progress.resume();
              consumer.resume(List.of(partition));
            }
          });
    }
    partitions.forEach(
        (partition, progress) -> {
          if (progress.hasWaited()) {
            consumer.resume(List.of(partition));
          }
        });
  }

  private void handle(TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> records) {
    PartitionProgress progress =
        partitions.computeIfAbsent(partition, key -> new PartitionProgress());
    if (progress.attempts() > 0) {
      // One that has failed alone is tried alone.
      oneByOne(partition, records);
      return;
    }
    Throwable failure = tryToHandle(partition, records);
    if (failure == null) {
      return;
    }
    if (Causes.isOfVirtualMachine(failure)) {
      stop(partition, records.get(0), failure);
    } else if (isPassing(failure)) {
      retryLater(partition, records.get(0), failure);
    } else {
      oneByOne(partition, records);
    }
  }

  private void oneByOne(TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> records) {
    for (ConsumerRecord<byte[], byte[]> record : records) {
      Throwable failure = tryToHandle(partition, List.of(record));
      if (failure != null && !onFailure(partition, record, failure)) {
        return;
      }
    }
  }

  /** Returns what was thrown, null if they were handled. */
  private @Nullable Throwable tryToHandle(
      TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> records) {
    try {
      InboxResult result = inbox.handle(dataSource, originals(records), this::callHandler);
      handled += result.handled();
      repeated += result.repeated();
      reached(partition, records.get(records.size() - 1));
      return null;
    } catch (Throwable e) {
      // Whatever it is, it is about these records: it must not end all consumers of the group.
      return e;
    } finally {
      Thread.interrupted();
    }
  }

  private void callHandler(List<RelayedRecord> records, Connection connection) throws Exception {
    try {
      handler.handle(records, connection);
    } finally {
      // One that the handler has left behind says no more than what the handler did otherwise.
      Thread.interrupted();
    }
  }

  private void reached(TopicPartition partition, ConsumerRecord<byte[], byte[]> last) {
    progress(partition).handledUpTo(last.offset() + 1);
    toCommit.put(partition, new OffsetAndMetadata(last.offset() + 1));
  }

  private List<ConsumerRecord<byte[], byte[]>> originals(
      List<ConsumerRecord<byte[], byte[]>> records) {
    if (replayOf == null) {
      return records;
    }
    return records.stream()
        .filter(letter -> DeadLetters.groupOf(letter).equals(replayOf))
        .map(DeadLetters::original)
        .toList();
  }

  /** Returns whether the records behind it may go on. */
  private boolean onFailure(
      TopicPartition partition, ConsumerRecord<byte[], byte[]> record, Throwable failure) {
    PartitionProgress progress = progress(partition);
    if (failure instanceof GapException
        || failure instanceof NotRelayedException
        || Causes.isOfVirtualMachine(failure)) {
      stop(partition, record, failure);
      return false;
    }
    int attempts = isPassing(failure) ? 0 : progress.failedAlone();
    if (attempts <= retries) {
      retryLater(partition, record, failure);
      return false;
    }
    if (deadLetters == null) {
      stop(partition, record, failure);
      return false;
    }
    return setAside(deadLetters, partition, record, failure, attempts);
  }

  private boolean setAside(
      DeadLetters topic,
      TopicPartition partition,
      ConsumerRecord<byte[], byte[]> record,
      Throwable failure,
      int attempts) {
    try {
      topic.send(record, inbox.group(), failure, attempts);
      setAside++;
      LOG.warn("consumer {} has set {} aside: {}", inbox.group(), at(record), Causes.text(failure));
      InboxResult unused = inbox.handle(dataSource, List.of(record), (records, connection) -> {});
      reached(partition, record);
      return true;
    } catch (Exception | Error e) {
      retryLater(partition, record, e);
      return false;
    }
  }

  private void retryLater(
      TopicPartition partition, ConsumerRecord<byte[], byte[]> record, Throwable failure) {
    LOG.warn("consumer {} will try {} again: {}", inbox.group(), at(record), Causes.text(failure));
    LOG.debug("why", Causes.loggable(failure));
    progress(partition).waitAndRetry(at(record) + ": " + Causes.text(failure), backoffs);
    hold(partition, record);
  }

  private void stop(
      TopicPartition partition, ConsumerRecord<byte[], byte[]> record, Throwable failure) {
    LOG.error(
        "consumer {} stops at {}: {}",
        inbox.group(),
        at(record),
        Causes.text(failure),
        Causes.loggable(failure));
    progress(partition).stop(at(record) + ": " + Causes.text(failure));
    hold(partition, record);
  }

  /** It stays a member of the group, and reads on from that record when it is resumed. */
  private void hold(TopicPartition partition, ConsumerRecord<byte[], byte[]> record) {
    consumer.seek(partition, record.offset());
    consumer.pause(List.of(partition));
  }

  /** Whether it was the database's fault, and not the record's. */
  private static boolean isPassing(Throwable failure) {
    return switch (SqlFailure.of(failure)) {
      case RACE, LOST, EXHAUSTED -> true;
      case REFUSED ->
          SqlFailure.in(failure).filter(SQLTransientException.class::isInstance).isPresent();
      case PERMANENT -> false;
    };
  }

  private PartitionProgress progress(TopicPartition partition) {
    return Objects.requireNonNull(partitions.get(partition));
  }

  private static String at(ConsumerRecord<byte[], byte[]> record) {
    return "%s-%d@%d".formatted(record.topic(), record.partition(), record.offset());
  }

  private void commitOffsets() {
    if (toCommit.isEmpty()) {
      return;
    }
    try {
      consumer.commitSync(toCommit, COMMIT);
    } catch (KafkaException e) {
      // The marks have them. Whoever reads them again drops them.
      LOG.debug("consumer {} cannot commit offsets", inbox.group(), e);
    }
    toCommit.clear();
  }

  private void closeClients() {
    try {
      consumer.close();
      if (deadLetters != null) {
        deadLetters.close();
      }
    } catch (KafkaException e) {
      LOG.warn("consumer {} has not ended well: {}", inbox.group(), e.toString());
    }
  }

  private ConsumerStatus currentStatus(State state) {
    Map<TopicPartition, PartitionStatus> all = new HashMap<>();
    partitions.forEach((partition, progress) -> all.put(partition, progress.status()));
    return new ConsumerStatus(
        state, Optional.ofNullable(reason), Map.copyOf(all), handled, repeated, setAside);
  }

  /**
   * What it does just now.
   *
   * @return as of the last poll
   */
  public ConsumerStatus status() {
    return status;
  }

  /** Lets the partitions that have stopped try again. They stop again if nothing has changed. */
  public void resume() {
    resumes = true;
  }

  /**
   * Ends it. What the handler has begun is finished, and its offsets are committed. Waits for that,
   * 30 seconds at most.
   */
  @Override
  public void close() {
    closing.countDown();
    if (Thread.currentThread() == thread) {
      return;
    }
    try {
      thread.join(FAREWELL.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Keeps the partitions that are this consumer's. Called within poll. */
  private final class Rebalances implements ConsumerRebalanceListener {

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> gone) {
      gone.forEach(partitions::remove);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> come) {
      come.forEach(partition -> partitions.put(partition, new PartitionProgress()));
    }
  }

  /** Options of a consumer. For one thread. */
  public static final class Builder {

    private final Map<String, Object> kafka;
    private final DataSource dataSource;
    private final WatermarkInbox inbox;
    private final RelayedHandler handler;
    private final List<String> topics = new ArrayList<>();
    private int retries = 5;
    private Backoffs backoffs = new Backoffs(Duration.ofMillis(100), Duration.ofSeconds(10));
    private @Nullable String deadLetterTopic;
    private @Nullable String replayOf;

    private Builder(
        Map<String, ?> kafka, DataSource dataSource, WatermarkInbox inbox, RelayedHandler handler) {
      this.kafka = new HashMap<>(kafka);
      this.dataSource = Objects.requireNonNull(dataSource, "data source");
      this.inbox = Objects.requireNonNull(inbox, "inbox");
      this.handler = Objects.requireNonNull(handler, "handler");
    }

    /**
     * What to read.
     *
     * @param names of topics; those given before stay
     * @return this
     */
    public Builder topics(String... names) {
      topics.addAll(List.of(names));
      return this;
    }

    /**
     * How often a record that failed alone is tried again. 5 times unless told otherwise.
     *
     * @param times 0 to 1,000
     * @return this
     * @throws IllegalArgumentException if that is out of range
     */
    public Builder retries(int times) {
      if (times < 0 || times > 1_000) {
        throw new IllegalArgumentException("retries are 0 to 1,000, not " + times);
      }
      this.retries = times;
      return this;
    }

    /**
     * The pauses before retries; each is twice the one before. From 100 ms to 10 s unless told
     * otherwise.
     *
     * @param first more than 0
     * @param longest as long or longer
     * @return this
     * @throws IllegalArgumentException if one is out of range
     */
    public Builder backOff(Duration first, Duration longest) {
      this.backoffs = new Backoffs(first, longest);
      return this;
    }

    /**
     * Sets aside what cannot be handled, see {@link DeadLetters}. Without it the partition stops.
     *
     * @param topic must exist
     * @return this
     */
    public Builder deadLetters(String topic) {
      this.deadLetterTopic = Objects.requireNonNull(topic, "topic");
      return this;
    }

    /**
     * Reads dead letter topics instead, and handles what a group has set aside there: each record
     * once, though it was set aside twice. The inbox's group must be another one, and its rules
     * must allow holes. What fails again stops its partition.
     *
     * @param group that has set the records aside
     * @return this
     */
    public Builder replayDeadLettersOf(String group) {
      this.replayOf = Objects.requireNonNull(group, "group");
      return this;
    }

    /**
     * Starts the thread.
     *
     * @return the consumer, to be closed
     * @throws IllegalArgumentException if there is no topic, or options contradict each other
     * @throws KafkaException if the settings are wrong
     */
    public RelayedConsumer start() {
      if (topics.isEmpty()) {
        throw new IllegalArgumentException("there is no topic to read");
      }
      if (replayOf != null
          && (deadLetterTopic != null
              || replayOf.equals(inbox.group())
              || !inbox.rules().allowHoles())) {
        throw new IllegalArgumentException(
            "to replay dead letters of group %s, give the consumer an inbox for another group, whose rules allow holes, and no dead letter topic"
                .formatted(replayOf));
      }
      RelayedConsumer consumer = new RelayedConsumer(this);
      consumer.thread.start();
      return consumer;
    }

    private Map<String, Object> consumerSettings() {
      Map<String, Object> settings = new HashMap<>(kafka);
      settings.putIfAbsent(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
      settings.putIfAbsent(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
      settings.put(ConsumerConfig.GROUP_ID_CONFIG, inbox.group());
      settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
      return settings;
    }

    private Map<String, Object> producerSettings() {
      Map<String, Object> settings = new HashMap<>(kafka);
      settings
          .keySet()
          .removeIf(
              name ->
                  ConsumerConfig.configNames().contains(name)
                      && !ProducerConfig.configNames().contains(name));
      return settings;
    }
  }
}
