package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.simulation.Plan.End;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;

/**
 * A PostgreSQL with a store in it, no larger than what the relay's promises rest on: a write-ahead
 * log of which a part is flushed, positions drawn outside of transactions, leases with notes, a
 * restart after which it is another incarnation of the server. Its log is the list of its states:
 * one for each commit, each with what it changed in place of what it was.
 */
final class SimulatedDatabase {

  /** The lease of a lane. */
  record Lease(String owner, long epoch, long expires, Map<String, String> notes) {}

  /**
   * What is committed.
   *
   * @param items all that ever was, by position
   * @param deleted positions of messages that are deleted
   * @param logged up to which position the sequence will not draw again
   */
  record State(
      TreeMap<Long, Item> items, Set<Long> deleted, Map<String, Lease> leases, long logged) {

    State with(TreeMap<Long, Item> otherItems) {
      return new State(otherItems, deleted, leases, logged);
    }

    State with(String lease, Lease row) {
      Map<String, Lease> changed = new HashMap<>(leases);
      changed.put(lease, row);
      return new State(items, deleted, changed, logged);
    }

    State without(Set<Long> positions) {
      Set<Long> more = new HashSet<>(deleted);
      more.addAll(positions);
      return new State(items, more, leases, logged);
    }

    State logging(long position) {
      return new State(items, deleted, leases, position);
    }
  }

  private final SimulatedScheduler scheduler;
  private final Oracle oracle;
  private final int ahead;
  private final List<State> log = new ArrayList<>();
  private final TreeSet<Long> inFlight = new TreeSet<>();
  private final Set<StreamId> locked = new HashSet<>();
  private String id;
  private int flushed;
  private long drawn;
  private int incarnations;
  private boolean up = true;

  SimulatedDatabase(SimulatedScheduler scheduler, Oracle oracle, int ahead) {
    this.scheduler = scheduler;
    this.oracle = oracle;
    this.ahead = ahead;
    this.id = "cluster-1";
    log.add(new State(new TreeMap<>(), Set.of(), Map.of(), 0));
  }

  private SimulatedDatabase(SimulatedDatabase other) {
    this.scheduler = other.scheduler;
    this.oracle = other.oracle;
    this.ahead = other.ahead;
    this.id = other.id;
    this.flushed = other.flushed;
    this.drawn = other.drawn;
    this.incarnations = other.incarnations;
    log.addAll(other.log);
  }

  /** What is committed now. */
  State now() {
    return log.get(log.size() - 1);
  }

  String id() {
    return id;
  }

  String incarnation() {
    return id + "." + incarnations;
  }

  boolean isUp() {
    return up;
  }

  long lastDrawn() {
    return drawn;
  }

  /** Below it no event can appear any more; nothing of it is lost by a crash. */
  long durableMark() {
    if (now().logged < drawn) {
      log.add(now().logging(drawn));
    }
    flush();
    return inFlight.isEmpty() ? drawn : inFlight.first() - 1;
  }

  void flush() {
    flushed = log.size() - 1;
  }

  void commit(UnaryOperator<State> change) {
    log.add(change.apply(now()));
    flush();
  }

  /** Somebody deletes a note of all leases. */
  void forget(String note) {
    commit(
        state -> {
          State without = state;
          for (Map.Entry<String, Lease> lease : state.leases().entrySet()) {
            Lease row = lease.getValue();
            Map<String, String> notes = new HashMap<>(row.notes());
            notes.remove(note);
            without =
                without.with(
                    lease.getKey(), new Lease(row.owner(), row.epoch(), row.expires(), notes));
          }
          return without;
        });
  }

  /** A transaction that appends to a stream, and may stay open meanwhile. */
  List<Item> append(List<Item> wanted, long open, End end) {
    StreamId stream = wanted.get(0).stream();
    scheduler.block(() -> !locked.contains(stream), Long.MAX_VALUE);
    locked.add(stream);
    try {
      return appendLocked(wanted, open, end);
    } finally {
      locked.remove(stream);
    }
  }

  private List<Item> appendLocked(List<Item> wanted, long open, End end) {
    if (!up) {
      return List.of();
    }
    List<Item> placed = new ArrayList<>();
    int incarnation = incarnations;
    for (Item item : wanted) {
      placed.add(item.at(draw(), item.version()));
      inFlight.add(placed.get(0).position());
      scheduler.point();
      if (incarnation != incarnations) {
        return List.of();
      }
    }
    if (open > 0) {
      scheduler.sleep(scheduler.random().nextLong(open));
    }
    if (incarnation != incarnations || !up) {
      return List.of();
    }
    inFlight.remove(placed.get(0).position());
    if (end == End.ROLL_BACK) {
      return List.of();
    }
    TreeMap<Long, Item> items = new TreeMap<>(now().items);
    Map<String, Long> versions = new HashMap<>();
    items
        .values()
        .forEach(item -> versions.merge(item.stream().toString(), item.version(), Math::max));
    List<Item> written = new ArrayList<>();
    for (Item item : placed) {
      long version = item.isEvent() ? versions.merge(item.stream().toString(), 1L, Long::sum) : 0;
      Item one = item.at(item.position(), version);
      items.put(one.position(), one);
      written.add(one);
    }
    log.add(now().with(items));
    if (end == End.COMMIT) {
      flush();
    }
    return written;
  }

  private long draw() {
    drawn++;
    if (drawn > now().logged) {
      log.add(now().logging(drawn + ahead));
    }
    return drawn;
  }

  // What happens to it.

  /** Comes back with what was flushed. */
  void crash(long down) {
    restart(flushed, down);
  }

  /** Is shut down in good order, and started again. */
  void shutDown(long down) {
    flush();
    restart(flushed, down);
  }

  /**
   * A standby takes over, to which the last items have not come, or an older copy is restored.
   *
   * @param lost how many items; 0 for nothing
   * @return the old primary, which goes on for those that do not know
   */
  SimulatedDatabase failOver(int lost, long down) {
    SimulatedDatabase old = new SimulatedDatabase(this);
    int kept = log.size() - 1;
    long most = now().items.size() - (long) lost;
    while (kept > 0 && lost > 0 && log.get(kept).items.size() > most) {
      kept--;
    }
    restart(kept, down);
    return old;
  }

  /** Goes on in another cluster, to which it was brought by dump and restore: nothing is lost. */
  void move(long down) {
    flush();
    // The dump has the last value of the sequence, not what is logged ahead.
    log.add(now().logging(drawn));
    id = id + "+";
    restart(log.size() - 1, down);
  }

  private void restart(int kept, long down) {
    oracle.restarting(this, log.get(kept));
    up = false;
    while (log.size() > kept + 1) {
      log.remove(log.size() - 1);
    }
    flushed = kept;
    drawn = now().logged;
    inFlight.clear();
    incarnations++;
    scheduler.sleep(Math.max(1, down));
    up = true;
  }
}
