package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.State;
import dev.pgeventstore.subscription.FailurePolicy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
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
  private final FailurePolicy pauses;
  private final AssignedPartitions partitions;
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
    this.pauses = pauses;
    this.partitions =
        new AssignedPartitions(
            scheduler, group, this::client, this::isClosing, () -> works.apply(this::wakeUp));
    this.consumer = newClient();
  }

  private Consumer<byte[], byte[]> newClient() {
    Consumer<byte[], byte[]> client = clients.get();
    client.subscribe(read, partitions);
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
    partitions.goOn();
    partitions.take(consumer.poll(POLL));
    partitions.commit();
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
      partitions.abandonAll();
      partitions.forgetAll();
      consumer = newClient();
      triedAgainAt = scheduler.nanoTime();
    } catch (RuntimeException e) {
      LOG.warn("consumer {} cannot begin again: {}", group, Causes.text(e));
    }
  }

  private Consumer<byte[], byte[]> client() {
    return consumer;
  }

  private void wakeUp() {
    consumer.wakeup();
  }

  /** What has begun is finished, as far as it can be waited for. */
  private void end(State end) {
    partitions.abandonAll();
    List<TopicPartition> unfinished = partitions.awaitEnd(FOR_LAST);
    try {
      if (end == State.CLOSED) {
        partitions.commitNow();
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
    partitions.forgetAll();
    state = end;
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
    partitions.resume();
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
    return partitions.statuses();
  }
}
