package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Workers;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.State;
import dev.pgeventstore.kafka.internal.clients.KafkaClients;
import dev.pgeventstore.kafka.internal.consumer.BlameRules;
import dev.pgeventstore.kafka.internal.consumer.Complaints;
import dev.pgeventstore.kafka.internal.consumer.ConsumerLoop;
import dev.pgeventstore.kafka.internal.consumer.DatabaseProbe;
import dev.pgeventstore.kafka.internal.consumer.Handling;
import dev.pgeventstore.kafka.internal.consumer.PartitionCourse;
import dev.pgeventstore.kafka.internal.consumer.PartitionWork;
import dev.pgeventstore.kafka.internal.consumer.Status;
import dev.pgeventstore.subscription.FailurePolicy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import javax.sql.DataSource;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.GroupProtocol;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A loop around a {@link WatermarkInbox}: it reads topics and handles what comes, each partition by
 * itself, in transactions, then commits the offsets. All methods are safe for many threads.
 *
 * <p>Partitions are handled side by side, by several threads ({@link Builder#handlerThreads}); the
 * records of one partition one after the other, in order. So a partition whose handler hangs, or
 * whose mark is locked by a process that stands still, waits alone: the others go on, the consumer
 * stays in its group, and {@link #status()} says since when it waits, and for which transaction. If
 * as many handlers hang as there are threads, the other partitions wait for one, and say so. Each
 * thread needs a connection while it handles, and one more is taken to ask how the database is.
 *
 * <p>What fails is handled again one record at a time, so that those before the culprit are
 * finished. That one is tried a number of times, with pauses. Then it is set aside if there is a
 * dead letter topic, otherwise its partition stops, until {@link #resume()}, a rebalance or a
 * restart. A gap, or a record that cannot be read, stops the partition at once.
 *
 * <p>Whatever the handler throws is an attempt of its record, an {@link Error} or {@link
 * InterruptedException} too, unless the database has failed. A {@link GapException} or {@link
 * NotRelayedException} of its, and any other {@link VirtualMachineError} than a {@link
 * StackOverflowError}, such as an {@link OutOfMemoryError}, stop the partition at once, and nothing
 * is set aside. An interrupt that the handler leaves behind is cleared and changes nothing.
 *
 * <p>What the database fails with is no attempt, unless it is well: it answers another connection
 * and may be written to, and still the handler's statement was refused, such as by a time-out.
 * Deadlocks, serialization failures, lost connections and a server out of memory are an attempt
 * when ten come in a row; a full disk, or no connection to be had, never is. A failure before the
 * handler is called, such as waiting for the mark or for a connection, never is.
 *
 * <p>What is set aside is overtaken by the later records of its key. If the process is killed, or
 * loses the partition, after a record was set aside and before the mark was moved, it is tried
 * again: it is then set aside twice, or is handled after all.
 *
 * <p>This class is long because it says what each option of its builder promises; the work is done
 * in internal packages.
 */
public final class RelayedConsumer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RelayedConsumer.class);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(30);

  private final String group;
  private final Duration unhealthyAfter;
  private final @Nullable DeadLetters deadLetters;
  private final Handling handling;
  private final Workers threads;
  private final ConsumerLoop loop;
  private final Scheduler.Task task;

  private RelayedConsumer(Builder builder) {
    this.group = builder.inbox.group();
    this.unhealthyAfter = builder.unhealthyAfter;
    this.deadLetters =
        builder.deadLetterTopic == null
            ? null
            : DeadLetters.to(
                builder.deadLetterTopic, builder.kafka, builder.clients, builder.scheduler);
    this.handling =
        new Handling(
            builder.inbox.inbox(),
            builder.dataSource,
            builder.handler,
            deadLetters,
            builder.replayOf);
    this.threads =
        new Workers(builder.scheduler, "relayed-consumer-handler-" + group, builder.handlerThreads);
    try {
      this.loop = newLoop(builder);
    } catch (RuntimeException | Error e) {
      closeClients();
      throw e;
    }
    this.task = builder.scheduler.start("relayed-consumer-" + group, this::run);
  }

  private ConsumerLoop newLoop(Builder builder) {
    // The builder may go on being used: nothing of it is read later.
    Map<String, Object> settings = builder.consumerSettings();
    KafkaClients clients = builder.clients;
    Scheduler scheduler = builder.scheduler;
    int retries = builder.retries;
    FailurePolicy pauses = builder.pauses;
    DatabaseProbe probe = new DatabaseProbe(builder.dataSource);
    int mostTogether =
        Integer.parseInt(
            settings
                .getOrDefault(
                    ConsumerConfig.MAX_POLL_RECORDS_CONFIG, ConsumerConfig.DEFAULT_MAX_POLL_RECORDS)
                .toString());
    return new ConsumerLoop(
        scheduler,
        group,
        () -> clients.consumer(settings),
        isConsumerProtocol(settings),
        List.copyOf(builder.topics),
        pauses,
        hasRoom ->
            new PartitionWork(
                scheduler,
                group,
                handling,
                new PartitionCourse(retries, pauses, deadLetters != null),
                new BlameRules(probe::isWell),
                mostTogether,
                threads,
                hasRoom));
  }

  private static boolean isConsumerProtocol(Map<String, Object> settings) {
    Object protocol = settings.get(ConsumerConfig.GROUP_PROTOCOL_CONFIG);
    return protocol != null && GroupProtocol.CONSUMER.name().equalsIgnoreCase(protocol.toString());
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
    try {
      loop.run();
    } finally {
      closeClients();
    }
  }

  private void closeClients() {
    threads.close();
    if (deadLetters != null) {
      deadLetters.close();
    }
  }

  /**
   * What it does just now.
   *
   * @return as of now
   */
  public ConsumerStatus status() {
    Map<TopicPartition, PartitionStatus> partitions = loop.partitions();
    State state = loop.state();
    return new Status(
        state,
        loop.reason(),
        partitions,
        handling.handled(),
        handling.repeated(),
        handling.setAside(),
        Complaints.of(state, loop.reason(), loop.unwellFor(), partitions, unhealthyAfter));
  }

  /** Lets the partitions that have stopped try again. They stop again if nothing has changed. */
  public void resume() {
    loop.resume();
  }

  /**
   * Ends it. What the handler has begun is finished, and its offsets are committed. That is waited
   * for for 15 seconds; what is not finished by then is logged, and goes on until the handler
   * returns, and is committed or not. With leaving the group it takes 30 seconds at most. Called by
   * a handler it waits for nothing.
   */
  @Override
  public void close() {
    loop.close();
    if (EngineThread.isCurrent() || task.isCurrent()) {
      return;
    }
    try {
      if (!task.join(CLOSE_TIMEOUT.toNanos())) {
        LOG.warn("consumer {} has not ended within {} s", group, CLOSE_TIMEOUT.toSeconds());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
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
    private FailurePolicy pauses = FailurePolicy.retry(1).thenStop();
    private int handlerThreads = 8;
    private Duration unhealthyAfter = Duration.ofMinutes(1);
    private @Nullable String deadLetterTopic;
    private @Nullable String replayOf;
    private KafkaClients clients = KafkaClients.real();
    private Scheduler scheduler = Scheduler.threads();

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
     * How often a record that failed alone is tried again. The default is 5 times.
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
     * The pauses before retries; each is twice the one before. The default is from 100 ms to 10 s.
     *
     * @param first more than 0
     * @param longest as long or longer, at most an hour
     * @return this
     * @throws IllegalArgumentException if one is out of range
     */
    public Builder backOff(Duration first, Duration longest) {
      this.pauses = FailurePolicy.retry(1).backOff(first, longest).thenStop();
      return this;
    }

    /**
     * How many partitions are handled side by side at most. The default is 8. Partitions beyond
     * that wait for each other; so they do if as many handlers hang. The data source should have a
     * connection for each of them, and one more.
     *
     * @param most 1 to 1,000
     * @return this
     * @throws IllegalArgumentException if that is out of range
     */
    public Builder handlerThreads(int most) {
      if (most < 1 || most > 1_000) {
        throw new IllegalArgumentException("handler threads are 1 to 1,000, not " + most);
      }
      this.handlerThreads = most;
      return this;
    }

    /**
     * For how long a partition may have records of which none is handled, or nothing may be read,
     * until {@link ConsumerStatus#isHealthy()} is false. The default is a minute.
     *
     * @param time more than 0
     * @return this
     * @throws IllegalArgumentException if that is out of range
     */
    public Builder unhealthyAfter(Duration time) {
      if (time.isNegative() || time.isZero()) {
        throw new IllegalArgumentException("it is unhealthy after more than no time, not " + time);
      }
      this.unhealthyAfter = time;
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

    /** Threads, locks, time and clients of a simulation. */
    Builder on(KafkaClients otherClients, Scheduler otherScheduler) {
      clients = otherClients;
      scheduler = otherScheduler;
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
      if (deadLetterTopic != null && topics.contains(deadLetterTopic)) {
        throw new IllegalArgumentException(
            "topic %s is read, and records of it are set aside: its dead letters need a topic of their own"
                .formatted(deadLetterTopic));
      }
      return new RelayedConsumer(this);
    }

    private Map<String, Object> consumerSettings() {
      Map<String, Object> settings = new HashMap<>(kafka);
      settings.putIfAbsent(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
      settings.putIfAbsent(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
      settings.put(ConsumerConfig.GROUP_ID_CONFIG, inbox.group());
      settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
      // Where brokers create what a client asks for it would have one partition.
      settings.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
      return settings;
    }
  }
}
