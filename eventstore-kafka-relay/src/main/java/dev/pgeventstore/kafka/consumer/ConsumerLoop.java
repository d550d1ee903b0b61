package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
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
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Polls, hands what comes to the partitions' work, and commits offsets. It handles nothing itself
 * and waits for no handler, so whatever a handler does, the consumer stays in its group and the
 * other partitions go on (docs/adr/0025).
 */
final class ConsumerLoop implements Runnable {

  private static final Logger LOG = LoggerFactory.getLogger(ConsumerLoop.class);

  private static final Duration POLL = Duration.ofMillis(100);

  /** What has begun may end while partitions are taken away: the whole group waits for that. */
  private static final Duration FOR_REVOKED = Duration.ofSeconds(3);

  private static final Duration FOR_LAST = Duration.ofSeconds(20);
  private static final Duration FOR_CLIENT = Duration.ofSeconds(4);

  private final String group;
  private final Consumer<byte[], byte[]> consumer;
  private final TopicsCheck topics;
  private final Offsets offsets;
  private final FailurePolicy pauses;
  private final Function<Runnable, PartitionWork> works;
  private final Map<TopicPartition, PartitionWork> partitions = new ConcurrentHashMap<>();
  private final CountDownLatch closing = new CountDownLatch(1);
  private int failures;
  private volatile State state = State.RUNNING;
  private volatile @Nullable String reason;
  private volatile long wellSince = System.nanoTime();

  /**
   * @param works makes the work of a partition, which calls back when it has room for records
   */
  ConsumerLoop(
      String group,
      Consumer<byte[], byte[]> consumer,
      List<String> topics,
      FailurePolicy pauses,
      Function<Runnable, PartitionWork> works) {
    this.group = group;
    this.consumer = consumer;
    this.topics = new TopicsCheck(consumer, topics);
    this.offsets = new Offsets(group, consumer);
    this.pauses = pauses;
    this.works = works;
    consumer.subscribe(topics, new Rebalances());
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
      }
    }
    end(end);
  }

  boolean isClosing() {
    return closing.getCount() == 0;
  }

  private void step() {
    partitions.forEach(this::letIn);
    ConsumerRecords<byte[], byte[]> polled = consumer.poll(POLL);
    for (TopicPartition partition : polled.partitions()) {
      take(partition, polled.records(partition));
    }
    offsets.commit(partitions);
    Optional<String> missing = topics.missing();
    failures = 0;
    reason = missing.orElse(null);
    if (missing.isEmpty()) {
      wellSince = System.nanoTime();
    }
  }

  private void letIn(TopicPartition partition, PartitionWork work) {
    work.goOn();
    if (consumer.paused().contains(partition) && !work.isFull()) {
      consumer.resume(List.of(partition));
    }
  }

  private void take(TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> records) {
    PartitionWork work = partitions.computeIfAbsent(partition, key -> works.apply(this::wakeUp));
    work.add(records);
    if (work.isFull()) {
      consumer.pause(List.of(partition));
    }
    work.goOn();
  }

  private void failed(Throwable e) {
    String text = Causes.text(e);
    if (!text.equals(reason)) {
      LOG.warn("consumer {} cannot read: {}", group, text);
    }
    LOG.debug("why", Causes.loggable(e));
    reason = text;
    Thread.interrupted();
    try {
      boolean unused =
          closing.await(Durations.millis(pauses.backOff(++failures)), TimeUnit.MILLISECONDS);
    } catch (InterruptedException interrupt) {
      LOG.debug("A pause was interrupted", interrupt);
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
        offsets.commitNow(partitions);
      }
      consumer.close(CloseOptions.timeout(FOR_CLIENT));
    } catch (RuntimeException | Error e) {
      LOG.warn("consumer {} has not ended well: {}", group, Causes.text(e));
    }
    if (!unfinished.isEmpty()) {
      String what = "closed while records of %s were being handled".formatted(unfinished);
      reason = reason == null ? what : reason + "; " + what;
      LOG.warn(
          "consumer {} was {}: their transactions are open until the handler returns, and whoever has the partitions next waits for them",
          group,
          what);
    }
    partitions.clear();
    state = end;
  }

  /** Waits for what has begun; returns those of which something goes on. */
  private List<TopicPartition> awaitEnd(Collection<TopicPartition> of, Duration atMost) {
    long deadline = System.nanoTime() + Durations.nanos(atMost);
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
  void close() {
    closing.countDown();
    consumer.wakeup();
  }

  void resume() {
    partitions.values().forEach(PartitionWork::resume);
  }

  State state() {
    return state;
  }

  Optional<String> reason() {
    return Optional.ofNullable(reason);
  }

  /** For how long nothing could be read. */
  Duration unwellFor() {
    return Duration.ofNanos(System.nanoTime() - wellSince);
  }

  Map<TopicPartition, PartitionStatus> partitions() {
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
      abandon(gone);
      List<TopicPartition> unfinished = awaitEnd(gone, FOR_REVOKED);
      if (!unfinished.isEmpty()) {
        LOG.warn(
            "consumer {} gives up {}, of which records are still being handled: whoever has them next waits for that",
            group,
            unfinished);
      }
      Map<TopicPartition, PartitionWork> last = new HashMap<>(partitions);
      last.keySet().retainAll(gone);
      offsets.commitNow(last);
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
