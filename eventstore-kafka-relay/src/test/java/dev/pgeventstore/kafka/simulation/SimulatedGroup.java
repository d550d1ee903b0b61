package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * What the broker knows of a group of consumers: who is in it, whose each partition is and shall
 * be, and the committed offsets. A partition is nobody else's until its owner has given it up, or
 * was silent for too long and does not know it yet.
 */
final class SimulatedGroup {

  /** For how long a member may be silent. */
  static final long SESSION = 6_000_000_000L;

  static final Comparator<TopicPartition> IN_ORDER = Comparator.comparing(TopicPartition::toString);

  /** A member, as the broker knows it. */
  static final class Member {
    final Set<TopicPartition> owned = new TreeSet<>(IN_ORDER);
    final Set<TopicPartition> target = new TreeSet<>(IN_ORDER);
    private long heard;
  }

  private final SimulatedScheduler scheduler;
  private final List<TopicPartition> partitions;
  private final List<Member> members = new ArrayList<>();
  private final Map<TopicPartition, Long> committed = new TreeMap<>(IN_ORDER);
  private int epoch;

  SimulatedGroup(SimulatedScheduler scheduler, List<TopicPartition> partitions) {
    this.scheduler = scheduler;
    this.partitions = partitions;
  }

  /** Changes whenever partitions are shared out anew. */
  int epoch() {
    return epoch;
  }

  void join(Member member) {
    member.heard = scheduler.nanoTime();
    members.add(member);
    shareOut();
  }

  void leave(Member member) {
    if (members.remove(member)) {
      shareOut();
    }
  }

  void hear(Member member) {
    expelTheSilent();
    member.heard = scheduler.nanoTime();
  }

  /** Whether it is a member still. */
  boolean has(Member member) {
    expelTheSilent();
    return members.contains(member);
  }

  private void expelTheSilent() {
    if (members.removeIf(member -> scheduler.nanoTime() - member.heard > SESSION)) {
      shareOut();
    }
  }

  private void shareOut() {
    epoch++;
    scheduler.note("the group has %d members: epoch %d", members.size(), epoch);
    members.forEach(member -> member.target.clear());
    for (int i = 0; i < partitions.size() && !members.isEmpty(); i++) {
      members.get((i + epoch) % members.size()).target.add(partitions.get(i));
    }
  }

  /** Whether no member has it that may be working on it. */
  boolean isFree(TopicPartition partition) {
    return members.stream().noneMatch(member -> member.owned.contains(partition));
  }

  long committed(TopicPartition partition) {
    return committed.getOrDefault(partition, 0L);
  }

  void commit(Member member, Map<TopicPartition, OffsetAndMetadata> offsets) {
    if (!has(member) || !member.owned.containsAll(offsets.keySet())) {
      throw new CommitFailedException("the partitions are another member's");
    }
    offsets.forEach((partition, offset) -> committed.put(partition, offset.offset()));
    scheduler.note("offsets %s are committed", offsets);
  }

  /** Offsets are set back by some records. */
  void setBack(int records) {
    committed.replaceAll((partition, offset) -> Math.max(0, offset - records));
  }
}
