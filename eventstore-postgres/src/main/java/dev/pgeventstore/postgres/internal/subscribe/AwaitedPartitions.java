package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.SubscriptionStatusQuery.Checkpoints;
import dev.pgeventstore.subscription.Partitions;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Partitions that have yet to come to a position, all in one incarnation of the server: a partition
 * that had passed it before a crash may stand before it again. They are those of an append's
 * streams, or all if only its position is known. For one thread.
 */
final class AwaitedPartitions {

  private final Set<StreamId> streams;
  private final long wanted;
  private final Set<Integer> pending = new HashSet<>();
  private String incarnation;
  private boolean setAside;

  /** How many partitions there are; 0 as long as nobody has said. */
  private int number;

  AwaitedPartitions(AppendResult append, long wanted, String incarnation) {
    this.streams = append.versions().keySet();
    this.wanted = wanted;
    this.incarnation = incarnation;
  }

  long wanted() {
    return wanted;
  }

  String incarnation() {
    return incarnation;
  }

  /**
   * Those that are left.
   *
   * @param of how many partitions there are
   */
  List<Integer> pending(int of) {
    if (of != number) {
      // They were divided anew: none of the new ones begins before the old ones had ended.
      number = of;
      pending.clear();
      pending.addAll(streams.isEmpty() ? all() : ofStreams());
    }
    return List.copyOf(pending);
  }

  private Set<Integer> all() {
    return IntStream.range(0, number).boxed().collect(Collectors.toSet());
  }

  private Set<Integer> ofStreams() {
    return streams.stream()
        .map(stream -> Partitions.of(stream, number))
        .collect(Collectors.toSet());
  }

  boolean isEmpty() {
    return number > 0 && pending.isEmpty();
  }

  /** One has passed. */
  void pass(int partition, boolean maySetAside) {
    pending.remove(partition);
    setAside |= maySetAside;
  }

  /** The server is in another incarnation. */
  void startOver(String now) {
    incarnation = now;
    number = 0;
    pending.clear();
    setAside = false;
  }

  /** Takes in what is stored. */
  void look(Checkpoints found) {
    if (!found.incarnation().equals(incarnation)) {
      startOver(found.incarnation());
    }
    for (int partition : pending(found.positions().size())) {
      if (found.positions().get(partition) >= wanted) {
        pass(partition, found.setAside());
      }
    }
  }

  Passed passed() {
    return new Passed(wanted, incarnation, setAside);
  }

  /**
   * All have passed.
   *
   * @param position which they have come to
   * @param incarnation in which they did
   * @param setAside whether events may have been parked or discarded
   */
  record Passed(long position, String incarnation, boolean setAside) {}
}
