package dev.pgeventstore.kafka;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.StopSignal;
import dev.pgeventstore.kafka.internal.clients.KafkaClients;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.lead.Leadership;
import dev.pgeventstore.kafka.internal.lead.LeaseLeadership;
import dev.pgeventstore.kafka.internal.relay.Lane;
import dev.pgeventstore.kafka.internal.relay.Progress;
import dev.pgeventstore.kafka.internal.relay.RelayNews;
import dev.pgeventstore.kafka.internal.relay.Status;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.spi.AppendWait;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.subscription.Partitions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Publishes a store's events and outbox messages to Kafka. Safe for many threads.
 *
 * <p>With {@link Delivery#EXACTLY_ONCE}, the default, consumers with {@code
 * isolation.level=read_committed} see every event once, and the events of each stream in order,
 * whatever crashes: relays, the broker, the database. Events and the position they bring the relay
 * to are sent in one Kafka transaction. Consumers that read uncommitted records, which is Kafka's
 * default, see records of aborted transactions as well; the {@code es_…} headers let them tell.
 * With {@link Delivery#AT_LEAST_ONCE} every consumer may see some of them again after a crash. With
 * both, an event is published only when the database has it on disk.
 *
 * <p>Start the same relay in as many processes as you like: one leads, the others stand by. A
 * relay's name, topic, store name and position topic belong together and must not change.
 *
 * <p>A {@link RecordMapper} decides what is published of an event; the default is {@link
 * dev.pgeventstore.kafka.record.CloudEvents}. Whatever it makes, each record also has these
 * headers:
 *
 * <ul>
 *   <li>{@code es_version} and {@code es_revision}: of the event in its stream, and of its type;
 *       not with messages;
 *   <li>{@code es_relay, es_lane, es_position, es_index}: where it stands in what this relay sends;
 *       positions increase within a partition;
 *   <li>{@code es_prev}: {@code position:index} of what this lane sent to the same partition
 *       before, {@code 0:0} for the first. A consumer that saw another one before has missed
 *       something.
 * </ul>
 *
 * <p>This class is long because it says what each option of its builder promises; the work is done
 * in internal packages.
 */
public final class KafkaRelay implements AutoCloseable {

  private final RelaySpec spec;
  private final List<Progress> progress = new ArrayList<>();
  private final EventFeed feed;
  private final Scheduler scheduler;
  private final List<Lane> lanes = new ArrayList<>();
  private final List<Scheduler.Task> tasks = new ArrayList<>();
  private final StopSignal stop;
  private final RelayNews news;

  private KafkaRelay(Builder builder, RelaySpec spec, EventFeed feed) {
    this.spec = spec;
    this.feed = feed;
    this.scheduler = builder.settings.scheduler();
    this.stop = new StopSignal(scheduler);
    this.news = new RelayNews(scheduler, spec.name(), builder.listener);
    String owner = UUID.randomUUID().toString();
    for (int lane = 0; lane < spec.lanes(); lane++) {
      Leadership leadership =
          builder.leases
              ? new LeaseLeadership(scheduler, feed, spec.leaseName(), lane, owner, spec.leaseTtl())
              : Leadership.NOT_NEEDED;
      Progress ofLane = new Progress(scheduler, lane, spec.unhealthyAfter(), news);
      progress.add(ofLane);
      lanes.add(new Lane(spec, lane, feed, builder.settings, leadership, ofLane, stop));
    }
  }

  private void run() {
    for (int lane = 0; lane < spec.lanes(); lane++) {
      String name = "eventstore-relay-%s-%d".formatted(spec.name(), lane);
      tasks.add(scheduler.start(name, lanes.get(lane)));
    }
  }

  /**
   * Begins to describe a relay.
   *
   * @param store whose events are published; it stays the caller's, and is closed after the relay
   * @param kafkaConfig what any Kafka client is configured with, {@code bootstrap.servers} at
   *     least. Settings of producers, consumers and admin clients go to those; with a prefix {@code
   *     producer.}, {@code consumer.} or {@code admin.} to that client only. {@code
   *     transaction.timeout.ms}, 30 s unless given and 1 s at least, bounds how long a relay that
   *     crashed keeps committed readers waiting. {@code compression.type} is {@code lz4} unless
   *     given, which kafkajs cannot read: every client reads {@code gzip}
   * @return a builder
   * @throws IllegalArgumentException if no relay can follow the store, as one in memory, or a
   *     setting is missing or not to be set
   */
  public static Builder builder(EventStore store, Map<String, ?> kafkaConfig) {
    return new Builder(store, kafkaConfig);
  }

  /**
   * What the relay is doing.
   *
   * @return the status of this moment
   */
  public RelayStatus status() {
    return Status.of(progress.stream().map(Progress::status).toList());
  }

  /**
   * Waits until an append is committed in Kafka, or the relay has skipped it because its query
   * excludes the events. An event that is parked, set aside as a dead letter or skipped counts,
   * too. Only the relay that leads knows: on a standby this waits until it takes over.
   *
   * @param append what to wait for; its outbox messages too, if the relay has one lane
   * @param timeout how long to wait
   * @throws TimeoutException if it has not come that far; the message has the status
   * @throws IllegalStateException if the relay has halted or was closed, with what halted it as the
   *     cause
   * @throws dev.pgeventstore.AppendLostException if the database has lost the append, by a
   *     fail-over for example, or if the caller's transaction that it was made in was rolled back
   * @throws dev.pgeventstore.EventStoreException if the database cannot be asked whether the append
   *     is still there
   * @throws InterruptedException if the thread was interrupted
   */
  public void awaitPublished(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException {
    long deadline = scheduler.nanoTime() + Durations.nanos(timeout);
    Set<Integer> lanes = new TreeSet<>();
    append.versions().keySet().forEach(stream -> lanes.add(Partitions.of(stream, spec.lanes())));
    for (int lane : lanes) {
      Duration left = Duration.ofNanos(deadline - scheduler.nanoTime());
      Progress ofLane = progress.get(lane);
      new AppendWait(
              feed, (position, over, remaining) -> ofLane.await(position, over, remaining, timeout))
          .until(append, left);
    }
  }

  /**
   * Waits until everything wanted up to a position is committed in Kafka, messages too. After a
   * fail-over of the database a position may be that of another event: for an append use {@link
   * #awaitPublished(AppendResult, Duration)}.
   *
   * @param position what to wait for
   * @param timeout how long to wait
   * @throws TimeoutException if it has not come that far; the message has the status
   * @throws IllegalStateException if the relay has halted or was closed, with what halted it as the
   *     cause
   * @throws InterruptedException if the thread was interrupted
   */
  public void awaitPublished(Position position, Duration timeout)
      throws TimeoutException, InterruptedException {
    long deadline = scheduler.nanoTime() + Durations.nanos(timeout);
    for (Progress lane : progress) {
      Duration left = Duration.ofNanos(deadline - scheduler.nanoTime());
      String unused = lane.await(position, "", left, timeout);
    }
  }

  /**
   * Stops after the transaction that is under way, and lets another relay lead at once. Waits for
   * that; with Kafka away it may take as long as {@code transaction.timeout.ms}. Called by the
   * {@linkplain Builder#listener listener}, or by a handler of a subscription, it waits for
   * nothing. Stopping twice does nothing.
   */
  @Override
  public void close() {
    stop.request();
    if (EngineThread.isCurrent()) {
      return;
    }
    try {
      for (Scheduler.Task task : tasks) {
        // Each ends, so it waits once.
        boolean unused = task.join(Long.MAX_VALUE);
      }
      news.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Describes a relay. For one thread. */
  public static final class Builder {

    private final EventStore store;
    private final EventFeed feed;
    private KafkaSettings settings;
    private String name = "";
    private String topic = "";
    private EventQuery query = EventQuery.all();
    private @Nullable String storeName;
    private @Nullable String positionTopic;
    private @Nullable String source;
    private @Nullable Position startAfter;
    private Duration leaseTtl = Duration.ofSeconds(10);
    private boolean leases = true;
    private Duration unhealthyAfter = Duration.ofMinutes(1);
    private Delivery delivery = Delivery.EXACTLY_ONCE;
    private int lanes = 1;
    private @Nullable RecordMapper mapper;
    private PoisonPolicy poison = PoisonPolicy.halt();
    private @Nullable String deadLetters;
    private @Nullable RelayListener listener;

    private Builder(EventStore store, Map<String, ?> kafkaConfig) {
      this.store = Objects.requireNonNull(store, "store");
      this.feed =
          store
              .unwrap(EventFeed.class)
              .orElseThrow(
                  () ->
                      new IllegalArgumentException(
                          "a relay cannot follow a " + store.getClass().getName()));
      feed.whyNoRelay()
          .ifPresent(
              why -> {
                throw new IllegalArgumentException(why);
              });
      this.settings = new KafkaSettings(kafkaConfig);
    }

    /**
     * The relay's name. Required. Its position is kept under it, and its records carry it: no other
     * relay that publishes to one of its topics may have it, not even one of another store.
     * Consumers would take both for one.
     *
     * @param relayName letters, digits, {@code .}, {@code _} and {@code -}, at most 100
     * @return this builder
     */
    public Builder name(String relayName) {
      this.name = RelaySpec.requireName("the relay's name", relayName, 100);
      return this;
    }

    /**
     * Where the events go. Required, unless a {@linkplain #mapper mapper} names a topic for every
     * record. The topic must exist. The relay permanently uses the number of partitions that the
     * topic has when it first runs: with more, streams would get out of order.
     *
     * @param topicName the target topic
     * @return this builder
     */
    public Builder topic(String topicName) {
      this.topic = RelaySpec.requireTopic("the topic's name", topicName);
      return this;
    }

    /**
     * Which events are published. The default is all.
     *
     * @param wanted the query
     * @return this builder
     */
    public Builder query(EventQuery wanted) {
      this.query = Objects.requireNonNull(wanted, "query");
      return this;
    }

    /**
     * What is promised to consumers. The default is {@link Delivery#EXACTLY_ONCE}.
     *
     * @param promised the delivery
     * @return this builder
     */
    public Builder delivery(Delivery promised) {
      this.delivery = Objects.requireNonNull(promised, "delivery");
      return this;
    }

    /**
     * In how many lanes to publish. Each has its own transactions and its own order; a stream is in
     * one lane, so its order is kept. A transaction costs about the same whatever is in it: more
     * lanes are for clusters on which it costs much. The default is 1; it cannot be changed once
     * the relay has run.
     *
     * @param count 1 to 100
     * @return this builder
     */
    public Builder lanes(int count) {
      if (count < 1 || count > 100) {
        throw new IllegalArgumentException("a relay has 1 to 100 lanes, not " + count);
      }
      this.lanes = count;
      return this;
    }

    /**
     * What becomes of an event in Kafka. The default is one record as a CloudEvent, {@link
     * dev.pgeventstore.kafka.record.CloudEvents}.
     *
     * @param function the mapper
     * @return this builder
     */
    public Builder mapper(RecordMapper function) {
      this.mapper = Objects.requireNonNull(function, "mapper");
      return this;
    }

    /**
     * What to do about what cannot be published. The default is {@link PoisonPolicy#halt()}.
     *
     * @param policy the policy
     * @return this builder
     */
    public Builder onPoison(PoisonPolicy policy) {
      this.poison = Objects.requireNonNull(policy, "policy");
      return this;
    }

    /**
     * Where dead letters go, if the {@linkplain #onPoison policy} wants any.
     *
     * @param topicName it must exist
     * @return this builder
     */
    public Builder deadLetters(String topicName) {
      this.deadLetters = RelaySpec.requireTopic("the dead letter topic's name", topicName);
      return this;
    }

    /**
     * The store's name in Kafka, part of the transactional id and of the position topic's name. The
     * default is the id of the database, so that no two databases are taken for one. Give a name if
     * the data may move to another PostgreSQL cluster, as with logical replication or an upgrade by
     * dump and restore, and never give the same one to two stores.
     *
     * @param named 1 to 100 letters, digits, {@code .}, {@code _} and {@code -}
     * @return this builder
     */
    public Builder store(String named) {
      this.storeName = RelaySpec.requireName("the store's name", named, 100);
      return this;
    }

    /**
     * Where the relay keeps its position. The default is {@code
     * eventstore-positions.<store>.<relay>}. The topic is created if it is missing and nothing was
     * ever sent to the target. If you create it: one partition for each lane, {@code
     * cleanup.policy=compact}.
     *
     * @param topicName of no other use
     * @return this builder
     */
    public Builder positionTopic(String topicName) {
      this.positionTopic = RelaySpec.requireTopic("the position topic's name", topicName);
      return this;
    }

    /**
     * The source of the CloudEvents, {@code ce_source}. The default is {@code /} and the store's
     * name.
     *
     * @param uri a URI reference
     * @return this builder
     * @throws IllegalArgumentException if it is blank, or no URI reference
     */
    public Builder source(String uri) {
      CloudEvents unused = CloudEvents.from(uri);
      this.source = uri;
      return this;
    }

    /**
     * Where a relay starts that has never begun. Without it a relay starts at the first event, and
     * refuses to if the target topic was written to. It has no effect on a relay that has begun,
     * also if that has lost its position. Outbox messages at or below it are deleted unpublished.
     *
     * @param position exclusive
     * @return this builder
     */
    public Builder startAfter(Position position) {
      this.startAfter = Objects.requireNonNull(position, "position");
      return this;
    }

    /**
     * After how long without moving the relay complains, if there is something to publish. The
     * default is 1 minute.
     *
     * @param time more than zero
     * @return this builder
     * @throws IllegalArgumentException if it is not
     */
    public Builder unhealthyAfter(Duration time) {
      if (time.isZero() || time.isNegative()) {
        throw new IllegalArgumentException("the time is more than zero, not " + time);
      }
      this.unhealthyAfter = time;
      return this;
    }

    /**
     * How long a leader that fell silent keeps others from taking over. The default is 10 s. After
     * half of that, or a quarter of {@code transaction.timeout.ms} if that is less, a transaction
     * takes nothing more; its commit comes on top. At least once, no lease is renewed while Kafka's
     * producer blocks, for up to 5 s: with a shorter lease another relay may take over meanwhile.
     *
     * @param ttl 100 ms or more
     * @return this builder
     * @throws IllegalArgumentException if it is shorter
     */
    public Builder leaseTtl(Duration ttl) {
      if (ttl.compareTo(Duration.ofMillis(100)) < 0) {
        throw new IllegalArgumentException("a lease lasts 100 ms or more, not " + ttl);
      }
      // One for ever is as long as a number of nanoseconds can say.
      this.leaseTtl = Duration.ofNanos(Durations.nanos(ttl));
      return this;
    }

    /**
     * The listener that is notified of what the relay does in this process. Default: none.
     *
     * @param told in a thread of its own
     * @return this builder
     */
    public Builder listener(RelayListener told) {
      this.listener = Objects.requireNonNull(told, "listener");
      return this;
    }

    /** For the simulation. */
    Builder on(KafkaClients clients, Scheduler scheduler) {
      this.settings = settings.on(clients, scheduler);
      return this;
    }

    /** For tests of what must hold even then. */
    Builder withoutLeases() {
      this.leases = false;
      return this;
    }

    /**
     * Starts the relay. What is wrong with Kafka or the database shows in its {@link
     * KafkaRelay#status() status}: it tries again, or halts with the reason.
     *
     * @return the relay; close it
     * @throws IllegalStateException if there is no name or no topic, or the position topic is the
     *     target
     */
    public KafkaRelay start() {
      KafkaRelay relay = new KafkaRelay(this, spec(), feed);
      relay.run();
      return relay;
    }

    /**
     * What operators do to a relay, wherever it runs. Described as the relay itself is.
     *
     * @return the operations; nothing is opened before one is called
     * @throws IllegalStateException as {@link #start}
     */
    public RelayOperations operations() {
      return new RelayOperations(store, feed, spec(), settings);
    }

    private RelaySpec spec() {
      return new RelaySpec(
              name,
              topic,
              query,
              Optional.ofNullable(storeName),
              Optional.ofNullable(positionTopic),
              Optional.ofNullable(source),
              Optional.ofNullable(startAfter),
              leaseTtl,
              unhealthyAfter,
              delivery,
              lanes,
              Optional.ofNullable(mapper),
              poison,
              Optional.ofNullable(deadLetters))
          .requireSound();
    }
  }
}
