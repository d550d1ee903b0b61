package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.kafka.simulation.SimulatedBroker.Entry;
import dev.pgeventstore.kafka.simulation.SimulatedBroker.State;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetCommitCallback;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.record.TimestampType;
import org.jspecify.annotations.Nullable;

/**
 * A consumer in a group: it learns in its polls which partitions come and go. A task of its own
 * tells the broker that it lives, so it is expelled when its process stands still or is killed.
 */
public final class SimulatedMember {

  private static final long HEARTBEAT = 1_000_000_000L;

  private final SimulatedClients clients;
  private final SimulatedScheduler scheduler;
  private final SimulatedGroup group;
  private final boolean eager;
  private final int mostTogether;
  private final Map<TopicPartition, Long> positions = new TreeMap<>(SimulatedGroup.IN_ORDER);
  private final Set<TopicPartition> paused = new TreeSet<>(SimulatedGroup.IN_ORDER);
  private final Deque<Commit> unsent = new ArrayDeque<>();
  private SimulatedGroup.Member membership = new SimulatedGroup.Member();
  private @Nullable ConsumerRebalanceListener listener;
  private int seenEpoch;
  private boolean woken;
  private boolean closed;

  private record Commit(
      Map<TopicPartition, OffsetAndMetadata> offsets, OffsetCommitCallback callback) {}

  /**
   * @param eager whether it gives up all its partitions whenever any member comes or goes
   * @param mostTogether how many records a poll returns at most
   */
  SimulatedMember(SimulatedClients clients, SimulatedGroup group, boolean eager, int mostTogether) {
    this.clients = clients;
    this.scheduler = clients.scheduler;
    this.group = group;
    this.eager = eager;
    this.mostTogether = mostTogether;
    clients.process.start("heartbeat", this::live);
  }

  private void live() {
    while (!closed) {
      clients.process.pause(HEARTBEAT);
      if (!closed) {
        group.hear(membership);
      }
    }
  }

  public void subscribe(Collection<String> topics, ConsumerRebalanceListener given) {
    listener = given;
  }

  private ConsumerRebalanceListener listener() {
    if (listener == null) {
      throw new IllegalStateException("it reads nothing");
    }
    return listener;
  }

  /** As the real one, it hides that the broker is away. */
  public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
    long end = scheduler.after(timeout.toNanos());
    requireNotWoken();
    Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> found = new LinkedHashMap<>();
    try {
      clients.ask(timeout.toNanos(), () -> "");
      sendCommits();
      reconcile();
      fetch(found);
    } catch (TimeoutException e) {
      scheduler.note("a poll is not answered");
    }
    if (found.isEmpty()) {
      scheduler.block(() -> woken, end);
      requireNotWoken();
    }
    return new ConsumerRecords<>(found, Map.of());
  }

  private void requireNotWoken() {
    if (woken) {
      woken = false;
      throw new WakeupException();
    }
  }

  public void wakeup() {
    woken = true;
    scheduler.point();
  }

  /** What the broker says about whose the partitions are. */
  private void reconcile() {
    if (!group.has(membership)) {
      List<TopicPartition> lost = List.copyOf(membership.owned);
      membership.owned.clear();
      if (!lost.isEmpty()) {
        scheduler.note("%s are lost", lost);
        forget(lost);
        listener().onPartitionsLost(lost);
      }
      membership = new SimulatedGroup.Member();
      group.join(membership);
    }
    List<TopicPartition> gone = new ArrayList<>(membership.owned);
    if (!eager || seenEpoch == group.epoch()) {
      gone.removeAll(membership.target);
    }
    seenEpoch = group.epoch();
    if (!gone.isEmpty()) {
      scheduler.note("%s are revoked", gone);
      listener().onPartitionsRevoked(gone);
      forget(gone);
      gone.forEach(membership.owned::remove);
    }
    List<TopicPartition> come = new ArrayList<>(membership.target);
    come.removeIf(partition -> !group.isFree(partition));
    if (!come.isEmpty() && group.has(membership)) {
      membership.owned.addAll(come);
      come.forEach(partition -> positions.put(partition, group.committed(partition)));
      scheduler.note("%s are assigned", come);
      listener().onPartitionsAssigned(come);
    }
  }

  private void forget(List<TopicPartition> gone) {
    gone.forEach(positions::remove);
    paused.removeAll(gone);
  }

  private void fetch(Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> found) {
    int room = mostTogether;
    for (Map.Entry<TopicPartition, Long> position : positions.entrySet()) {
      if (!paused.contains(position.getKey()) && room > 0) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        position.setValue(read(position.getKey(), position.getValue(), room, records));
        room -= records.size();
        if (!records.isEmpty()) {
          found.put(position.getKey(), records);
        }
      }
    }
  }

  private long read(
      TopicPartition partition, long from, int most, List<ConsumerRecord<byte[], byte[]>> records) {
    List<Entry> log = clients.broker.log(partition);
    int end = SimulatedBroker.stable(log);
    long next = from;
    while (next < end && records.size() < most) {
      Entry entry = log.get((int) next);
      ProducerRecord<byte[], byte[]> record = entry.record;
      if (record != null && entry.state == State.COMMITTED) {
        records.add(read(partition, next, record));
      }
      next++;
    }
    return next;
  }

  static ConsumerRecord<byte[], byte[]> read(
      TopicPartition partition, long offset, ProducerRecord<byte[], byte[]> record) {
    return new ConsumerRecord<>(
        partition.topic(),
        partition.partition(),
        offset,
        0L,
        TimestampType.CREATE_TIME,
        0,
        0,
        record.key(),
        record.value(),
        record.headers(),
        Optional.empty());
  }

  public Set<TopicPartition> paused() {
    return paused;
  }

  public void pause(Collection<TopicPartition> partitions) {
    requireAssigned(partitions);
    paused.addAll(partitions);
  }

  public void resume(Collection<TopicPartition> partitions) {
    requireAssigned(partitions);
    paused.removeAll(partitions);
  }

  private void requireAssigned(Collection<TopicPartition> partitions) {
    if (!positions.keySet().containsAll(partitions)) {
      throw new IllegalStateException("not assigned: " + partitions);
    }
  }

  public void commitAsync(
      Map<TopicPartition, OffsetAndMetadata> offsets, OffsetCommitCallback callback) {
    unsent.add(new Commit(Map.copyOf(offsets), callback));
  }

  private void sendCommits() {
    while (!unsent.isEmpty()) {
      Commit commit = unsent.remove();
      try {
        commit(commit.offsets, 100_000_000);
        commit.callback.onComplete(commit.offsets, null);
      } catch (KafkaException e) {
        commit.callback.onComplete(commit.offsets, e);
      }
    }
  }

  public void commitSync(Map<TopicPartition, OffsetAndMetadata> offsets, Duration timeout) {
    requireNotWoken();
    sendCommits();
    commit(offsets, timeout.toNanos());
  }

  private void commit(Map<TopicPartition, OffsetAndMetadata> offsets, long patience) {
    clients.ask(
        patience,
        () -> {
          group.commit(membership, offsets);
          return "";
        });
  }

  public List<PartitionInfo> partitionsFor(String topic, Duration timeout) {
    return clients.partitions(topic, timeout);
  }

  public void close(CloseOptions options) {
    if (!group.has(membership)) {
      closed = true;
      return;
    }
    sendCommits();
    listener().onPartitionsRevoked(List.copyOf(membership.owned));
    closed = true;
    membership.owned.clear();
    group.leave(membership);
  }
}
