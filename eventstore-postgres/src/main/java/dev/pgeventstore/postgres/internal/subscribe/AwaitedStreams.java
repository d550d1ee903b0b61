package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.SubscriptionStatusQuery.Checkpoints;
import dev.pgeventstore.subscription.Partitions;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Streams whose partitions have yet to come to a position, all in one incarnation of the server: a
 * partition that had passed it before a crash may stand before it again. For one thread.
 */
final class AwaitedStreams {

  private final Set<StreamId> all;
  private final long wanted;
  private final Set<StreamId> pending;
  private String incarnation;
  private boolean setAside;

  AwaitedStreams(Set<StreamId> all, long wanted, String incarnation) {
    this.all = all;
    this.wanted = wanted;
    this.pending = new HashSet<>(all);
    this.incarnation = incarnation;
  }

  long wanted() {
    return wanted;
  }

  String incarnation() {
    return incarnation;
  }

  List<StreamId> pending() {
    return List.copyOf(pending);
  }

  boolean isEmpty() {
    return pending.isEmpty();
  }

  /** One has passed. */
  void pass(StreamId stream, boolean maySetAside) {
    pending.remove(stream);
    setAside |= maySetAside;
  }

  /** The server is in another incarnation. */
  void startOver(String now) {
    incarnation = now;
    pending.addAll(all);
    setAside = false;
  }

  /** Takes in what is stored. */
  void look(Checkpoints found) {
    if (!found.incarnation().equals(incarnation)) {
      startOver(found.incarnation());
    }
    setAside |= found.setAside();
    int partitions = found.positions().size();
    pending.removeIf(stream -> found.positions().get(Partitions.of(stream, partitions)) >= wanted);
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
