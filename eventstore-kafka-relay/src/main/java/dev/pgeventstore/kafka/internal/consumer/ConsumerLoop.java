package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.State;
import dev.pgeventstore.subscription.FailurePolicy;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.GroupMaxSizeReachedException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.UnreleasedInstanceIdException;
import org.apache.kafka.common.errors.UnsupportedAssignorException;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Polls, hands what comes to the partitions' work, and commits offsets. It handles nothing itself
 * and waits for no handler, so whatever a handler does, the consumer stays in its group and the
 * other partitions go on (docs/adr/0025).
 */
public final class ConsumerLoop implements Runnable {

  private static final Logger LOG = LoggerFactory.getLogger(ConsumerLoop.class);

  private static final Duration POLL = Duration.ofMillis(100);

  private static final Duration SETTLED = Duration.ofSeconds(1);

  /** What has begun may end while partitions are taken away: the whole group waits for that. */
  private static final Duration FOR_REVOKED = Duration.ofSeconds(3);

  private static final Duration FOR_LAST = Duration.ofSeconds(15);
  private static final Duration FOR_CLIENT = Duration.ofSeconds(4);

  /** In the consumer protocol they are the end of a client, and it says so once. */
  private static final List<Class<? extends KafkaException>> ENDS_CLIENT =
      List.of(
          UnreleasedInstanceIdException.class,
          GroupAuthorizationException.class,
          GroupMaxSizeReachedException.class,
          UnsupportedAssignorException.class,
          UnsupportedVersionException.class,
          InvalidRequestException.class);

  private final Scheduler scheduler;
  private final String group;
  private final Supplier<Consumer<byte[], byte[]>> clients;
  private final boolean clientsEnd;
  private final List<String> read;
  private final TopicsCheck topics;
  private final Offsets offsets;
  private final FailurePolicy pauses;
  private final Function<Runnable, PartitionWork> works;
  private final Map<TopicPartition, PartitionWork> partitions = new ConcurrentHashMap<>();
  private final Lock lock;
  private final Condition closes;
  private volatile boolean isClosing;
  private volatile Consumer<byte[], byte[]> consumer;
  private int failures;
  private long triedAgainAt;
  private volatile State state = State.RUNNING;
  private volatile @Nullable String reason;
  private volatile long wellSince;

  /**
   * @param clients makes a client for the group
   * @param clientsEnd whether they speak the consumer protocol, in which some failures end them
   * @param works makes the work of a partition, which calls back when it has room for records
   */
  public ConsumerLoop(
      Scheduler scheduler,
      String group,
      Supplier<Consumer<byte[], byte[]>> clients,
      boolean clientsEnd,
      List<String> topics,
      FailurePolicy pauses,
      Function<Runnable, PartitionWork> works) {
    this.scheduler = scheduler;
    this.lock = scheduler.newLock();
    this.closes = lock.newCondition();
    this.wellSince = scheduler.nanoTime();
    this.group = group;
    this.clients = clients;
    this.clientsEnd = clientsEnd;
    this.read = topics;
    this.topics = new TopicsCheck(scheduler, topics);
    this.offsets = new Offsets(group);
    this.pauses = pauses;
    this.works = works;
    this.consumer = newClient();
  }

  private Consumer<byte[], byte[]> newClient() {
    Consumer<byte[], byte[]> client = clients.get();
    client.subscribe(read, new Rebalances());
    return client;
  }

  @Override
  public void run() {
    State end = State.CLOSED;
    while (!isClosing() && end == State.CLOSED) {
      try {
        step();
      } catch (WakeupException e) {
        // A partition has room again, or this is being closed.
      } catch (InterruptException e) {
        // Closing interrupts nothing, so it was not meant for this thread.
        Thread.interrupted();
        LOG.info("consumer {} goes on after an interrupt", group);
      } catch (FencedInstanceIdException e) {
        reason =
            "another consumer of group %s has the same group.instance.id, and has taken over: %s"
                .formatted(group, e.getMessage());
        LOG.error("consumer {} has ended: {}", group, reason);
        end = State.FAILED;
      } catch (Exception | Error e) {
        // Such as missing rights, which may be granted later. The client retries what it can.
        failed(e);
        if (clientsEnd && ENDS_CLIENT.stream().anyMatch(type -> type.isInstance(e))) {
          replaceClient();
        }
      }
    }
    end(end);
  }

  boolean isClosing() {
    return isClosing;
  }

  private void step() {
    partitions.forEach(this::letIn);
    ConsumerRecords<byte[], byte[]> polled = consumer.poll(POLL);
    for (TopicPartition partition : polled.partitions()) {
      take(partition, polled.records(partition));
    }
    offsets.commit(consumer, partitions);
    Optional<String> missing = topics.missing(consumer);
    if (failures > 0 && scheduler.nanoTime() - triedAgainAt < SETTLED.toNanos()) {
      // A client that cannot join its group may say so some polls later.
      return;
    }
    failures = 0;
    reason = missing.orElse(null);
    if (missing.isEmpty()) {
      wellSince = scheduler.nanoTime();
    }
  }

  private void letIn(TopicPartition partition, PartitionWork work) {
    work.goOn();
    if (consumer.paused().contains(partition) && !work.isFull()) {
      consumer.resume(List.of(partition));
    }
  }

  private void take(TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> records) {
    PartitionWork work = partitions.get(partition);
    if (work == null) {
      work = works.apply(this::wakeUp);
      partitions.put(partition, work);
    }
    work.add(records);
    if (work.isFull()) {
      consumer.pause(List.of(partition));
    }
    work.goOn();
  }

  private void failed(Throwable e) {
    String text = Causes.text(e);
    if (failures == 0) {
      LOG.warn("consumer {} cannot read: {}", group, text);
    }
    LOG.debug("consumer {} cannot read", group, Causes.loggable(e));
    reason = text;
    Thread.interrupted();
    pause(pauses.backOff(++failures));
    triedAgainAt = scheduler.nanoTime();
  }

  /** Until this is closed, or the time is over. */
  private void pause(Duration atMost) {
    long remaining = Durations.nanos(atMost);
    lock.lock();
    try {
      while (!isClosing && remaining > 0) {
        remaining = closes.awaitNanos(remaining);
      }
    } catch (InterruptedException e) {
      LOG.debug("A pause was interrupted", e);
    } finally {
      lock.unlock();
    }
  }

  private void replaceClient() {
    try {
      consumer.close(CloseOptions.timeout(FOR_CLIENT));
      partitions.values().forEach(PartitionWork::abandon);
      partitions.clear();
      offsets.forgetAll();
      consumer = newClient();
      triedAgainAt = scheduler.nanoTime();
    } catch (RuntimeException e) {
      LOG.warn("consumer {} cannot begin again: {}", group, Causes.text(e));
    }
  }

  private void wakeUp() {
    consumer.wakeup();
  }

  /** What has begun is finished, as far as it can be waited for. */
  private void end(State end) {
    partitions.values().forEach(PartitionWork::abandon);
    List<TopicPartition> unfinished = awaitEnd(partitions.keySet(), FOR_LAST);
    try {
      if (end == State.CLOSED) {
        offsets.commitNow(consumer, partitions);
      }
      consumer.close(CloseOptions.timeout(FOR_CLIENT));
    } catch (RuntimeException | Error e) {
      LOG.warn("consumer {} has not ended well: {}", group, Causes.text(e));
    }
    if (!unfinished.isEmpty()) {
      String what = "closed while records of %s were being handled".formatted(unfinished);
      reason = reason == null ? what : reason + "; " + what;
      LOG.warn(
          "consumer {} was {}: their transactions stay open until the handler returns, and the next owner of the partitions waits for them",
          group,
          what);
    }
    partitions.clear();
    state = end;
  }

  /** Waits for what has begun; returns those of which something goes on. */
  private List<TopicPartition> awaitEnd(Collection<TopicPartition> of, Duration atMost) {
    long deadline = scheduler.nanoTime() + Durations.nanos(atMost);
    return of.stream()
        .filter(
            partition -> {
              PartitionWork work = partitions.get(partition);
              return work != null && !hasEnded(work, deadline);
            })
        .toList();
  }

  private static boolean hasEnded(PartitionWork work, long deadline) {
    while (true) {
      try {
        return work.awaitEnd(deadline);
      } catch (InterruptedException e) {
        LOG.debug("A wait was interrupted, and goes on", e);
      }
    }
  }

  /** Ends it, soon. */
  public void close() {
    lock.lock();
    try {
      isClosing = true;
      closes.signalAll();
    } finally {
      lock.unlock();
    }
    consumer.wakeup();
  }

  public void resume() {
    partitions.values().forEach(PartitionWork::resume);
  }

  public State state() {
    return state;
  }

  public Optional<String> reason() {
    return Optional.ofNullable(reason);
  }

  /** For how long nothing could be read. */
  public Duration unwellFor() {
    return Duration.ofNanos(scheduler.nanoTime() - wellSince);
  }

  public Map<TopicPartition, PartitionStatus> partitions() {
    Map<TopicPartition, PartitionStatus> all = new HashMap<>();
    partitions.forEach((partition, work) -> all.put(partition, work.status()));
    return Map.copyOf(all);
  }

  /** Keeps the partitions that are this consumer's. Called within poll. */
  private final class Rebalances implements ConsumerRebalanceListener {

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> come) {
      come.forEach(partition -> partitions.put(partition, works.apply(ConsumerLoop.this::wakeUp)));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> gone) {
      if (isClosing()) {
        return; // What had begun was waited for, and its offsets are committed.
      }
      abandon(gone);
      List<TopicPartition> unfinished = awaitEnd(gone, FOR_REVOKED);
      if (!unfinished.isEmpty()) {
        LOG.warn(
            "consumer {} gives up {}, of which records are still being handled: their next owner waits for that",
            group,
            unfinished);
      }
      Map<TopicPartition, PartitionWork> last = new HashMap<>(partitions);
      last.keySet().retainAll(gone);
      offsets.commitNow(consumer, last);
      drop(gone);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> gone) {
      abandon(gone);
      drop(gone);
    }

    private void abandon(Collection<TopicPartition> gone) {
      gone.forEach(
          partition -> {
            PartitionWork work = partitions.get(partition);
            if (work != null) {
              work.abandon();
            }
          });
    }

    private void drop(Collection<TopicPartition> gone) {
      partitions.keySet().removeAll(gone);
      offsets.forget(gone);
    }
  }
}
