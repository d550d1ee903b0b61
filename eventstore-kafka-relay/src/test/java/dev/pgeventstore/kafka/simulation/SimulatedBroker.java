package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;

/**
 * A Kafka cluster, no larger than what the relay's promises rest on: partitions with transactions,
 * of which readers of committed records see no more than up to the first that is open;
 * transactional ids with an epoch that fences earlier producers; transactions that are aborted when
 * they last too long.
 */
final class SimulatedBroker {

  /** What has become of a record. */
  enum State {
    OPEN,
    COMMITTED,
    ABORTED,
    /** It is the end of a transaction, and takes an offset like any record. */
    MARKER
  }

  /** A record in a partition. */
  static final class Entry {
    final @Nullable ProducerRecord<byte[], byte[]> record;
    State state;

    Entry(@Nullable ProducerRecord<byte[], byte[]> record, State state) {
      this.record = record;
      this.state = state;
    }
  }

  /** A topic. */
  record Topic(Uuid id, boolean isCompacted, List<List<Entry>> partitions) {}

  /** What the coordinator knows of a transactional id. */
  static final class Producers {
    private final String id;
    private int epoch;
    private boolean open;
    private long overdue;
    private final List<Written> written = new ArrayList<>();

    private Producers(String id) {
      this.id = id;
    }
  }

  /** An entry of a transaction, and where it is. */
  record Written(TopicPartition partition, Entry entry) {}

  private final SimulatedScheduler scheduler;
  private final Oracle oracle;
  private final Map<String, Topic> topics = new TreeMap<>();
  private final Map<String, Producers> producers = new TreeMap<>();
  private long awayUntil;
  private long slowUntil;
  private int made;

  SimulatedBroker(SimulatedScheduler scheduler, Oracle oracle) {
    this.scheduler = scheduler;
    this.oracle = oracle;
  }

  // Requests.

  /**
   * A request reaches the broker.
   *
   * @param patience how long the client tries
   */
  void request(long patience) {
    scheduler.point();
    long deadline = scheduler.after(patience);
    if (isAway()) {
      scheduler.block(() -> !isAway(), deadline);
    }
    if (scheduler.nanoTime() < slowUntil) {
      scheduler.sleep(scheduler.random().nextLong(300_000_000));
    }
    if (isAway()) {
      throw new TimeoutException("the broker does not answer");
    }
  }

  private boolean isAway() {
    return scheduler.nanoTime() < awayUntil;
  }

  @Nullable Topic topic(String name) {
    return topics.get(name);
  }

  Topic requireTopic(String name) {
    Topic topic = topics.get(name);
    if (topic == null) {
      throw new UnknownTopicOrPartitionException("there is no topic " + name);
    }
    return topic;
  }

  void create(String name, int partitions, boolean compacted) {
    if (topics.containsKey(name)) {
      throw new TopicExistsException("there is a topic " + name);
    }
    List<List<Entry>> logs = new ArrayList<>();
    for (int i = 0; i < partitions; i++) {
      logs.add(new ArrayList<>());
    }
    topics.put(name, new Topic(new Uuid(7, ++made), compacted, logs));
  }

  List<Entry> log(TopicPartition partition) {
    Topic topic = requireTopic(partition.topic());
    if (partition.partition() >= topic.partitions().size()) {
      throw new UnknownTopicOrPartitionException("there is no partition " + partition);
    }
    return topic.partitions().get(partition.partition());
  }

  /** Up to where readers of committed records may read. */
  static int stable(List<Entry> log) {
    for (int i = 0; i < log.size(); i++) {
      if (log.get(i).state == State.OPEN) {
        return i;
      }
    }
    return log.size();
  }

  // Producers.

  /** Fences the earlier producers of a transactional id, and ends their transaction. */
  int init(String id) {
    Producers of = producers.computeIfAbsent(id, Producers::new);
    end(of, false);
    of.overdue = Long.MAX_VALUE;
    scheduler.note("%s is fenced: epoch %d", id, of.epoch + 1);
    return ++of.epoch;
  }

  private Producers requireEpoch(String id, int epoch) {
    Producers of = producers.get(id);
    if (of == null || of.epoch != epoch) {
      throw of != null && of.overdue == Long.MIN_VALUE
          ? new InvalidProducerEpochException("the transaction was aborted, it lasted too long")
          : new ProducerFencedException("there is a newer producer of " + id);
    }
    return of;
  }

  /** Appends a record of a transaction. */
  long append(String id, int epoch, long timeout, ProducerRecord<byte[], byte[]> record) {
    Producers of = requireEpoch(id, epoch);
    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
    List<Entry> log = log(partition);
    if (!of.open) {
      of.open = true;
      of.overdue = scheduler.after(timeout);
    }
    Entry entry = new Entry(record, State.OPEN);
    log.add(entry);
    of.written.add(new Written(partition, entry));
    return log.size() - 1L;
  }

  /** Appends a record without a transaction. */
  long append(ProducerRecord<byte[], byte[]> record) {
    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
    long offset = add(partition, record);
    oracle.sent(partition, record);
    return offset;
  }

  /** The same for one that is no relay's. */
  long add(TopicPartition partition, ProducerRecord<byte[], byte[]> record) {
    List<Entry> log = log(partition);
    log.add(new Entry(record, State.COMMITTED));
    return log.size() - 1L;
  }

  void commit(String id, int epoch) {
    end(requireEpoch(id, epoch), true);
  }

  private void end(Producers of, boolean commit) {
    if (!of.open) {
      return;
    }
    of.open = false;
    of.overdue = Long.MAX_VALUE;
    List<Written> ended = List.copyOf(of.written);
    of.written.clear();
    Map<TopicPartition, Integer> touched = new HashMap<>();
    for (Written written : ended) {
      written.entry.state = commit ? State.COMMITTED : State.ABORTED;
      touched.merge(written.partition, 1, Integer::sum);
    }
    for (TopicPartition partition : touched.keySet()) {
      if (topics.containsKey(partition.topic())) {
        log(partition).add(new Entry(null, State.MARKER));
      }
    }
    scheduler.note("%s %s %d records", of.id, commit ? "commits" : "aborts", ended.size());
    if (commit) {
      oracle.committed(ended);
    }
  }

  /** Aborts what lasts too long. Runs for ever. */
  void abortWhatIsOverdue() {
    while (true) {
      scheduler.sleep(500_000_000);
      for (Producers of : producers.values()) {
        if (of.open && of.overdue < scheduler.nanoTime()) {
          end(of, false);
          of.epoch++;
          of.overdue = Long.MIN_VALUE;
        }
      }
    }
  }

  // What happens to it.

  void goAway(long nanos) {
    awayUntil = Math.max(awayUntil, scheduler.after(nanos));
  }

  void slow(long nanos) {
    slowUntil = scheduler.after(nanos);
  }

  void calm() {
    awayUntil = 0;
    slowUntil = 0;
  }

  void delete(String name) {
    topics.remove(name);
  }

  /** A topic is brought back as it was before its last records. */
  void restore(String name, int lost) {
    Topic was = topics.remove(name);
    if (was == null) {
      return;
    }
    create(name, was.partitions().size(), was.isCompacted());
    Topic restored = requireTopic(name);
    for (int i = 0; i < was.partitions().size(); i++) {
      List<Entry> committed =
          was.partitions().get(i).stream().filter(entry -> entry.state == State.COMMITTED).toList();
      int kept = Math.max(1, committed.size() - lost);
      restored.partitions().get(i).addAll(committed.subList(0, Math.min(kept, committed.size())));
    }
  }
}
