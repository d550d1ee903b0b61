package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The consumers' own PostgreSQL, no larger than what their promises rest on: marks, and what
 * handlers have written; under read committed, with locks of rows that are waited for, connections
 * that break before, after and during a commit, and times when it is down or read-only.
 */
final class SimulatedMarks {

  /**
   * Where a mark stands.
   *
   * @param index within the position
   */
  record At(long position, int index) implements Comparable<At> {

    static final At START = new At(0, 0);

    @Override
    public int compareTo(At other) {
      int positions = Long.compare(position, other.position);
      return positions != 0 ? positions : Integer.compare(index, other.index);
    }
  }

  /** A transaction: what it has written, which nobody else sees. */
  static final class Transaction {
    final Map<List<Object>, At> marks = new HashMap<>();
    final List<String> effects = new ArrayList<>();
    boolean hasBegun;
    boolean isReadOnly;
  }

  final SimulatedScheduler scheduler;
  private final Effects oracle;
  private final Map<List<Object>, At> marks = new HashMap<>();
  private final Map<List<Object>, SimulatedSession> holders = new HashMap<>();
  private final Map<Integer, SimulatedSession> sessions = new TreeMap<>();
  private int opened;
  private long downUntil;
  private long readOnlyUntil;

  /** How many calls there are to one with which the connection breaks; 0 for none. */
  int breakOneIn;

  SimulatedMarks(SimulatedScheduler scheduler, Effects oracle, int breakOneIn) {
    this.scheduler = scheduler;
    this.oracle = oracle;
    this.breakOneIn = breakOneIn;
  }

  /** A connection of a process. */
  Connection connect(SimulatedScheduler.Node process) throws SQLException {
    scheduler.point();
    if (isDown() || scheduler.oneIn(breakOneIn)) {
      throw lost("the server refuses the connection", "08001");
    }
    SimulatedSession session = new SimulatedSession(this, process);
    sessions.put(++opened, session);
    return SimulatedClients.only(Connection.class, session);
  }

  static SQLException lost(String what, String state) {
    return new SQLException(what, state);
  }

  private boolean isDown() {
    return scheduler.nanoTime() < downUntil;
  }

  boolean isReadOnly() {
    return scheduler.nanoTime() < readOnlyUntil;
  }

  /** What a transaction sees. */
  @Nullable At mark(Transaction transaction, List<Object> key) {
    At own = transaction.marks.get(key);
    return own == null ? marks.get(key) : own;
  }

  At mark(List<Object> key) {
    return marks.getOrDefault(key, At.START);
  }

  /** Locks a row until the end of the transaction. */
  void lock(SimulatedSession session, List<Object> key, long patience) throws SQLException {
    SimulatedSession holder = holders.get(key);
    if (holder != null && holder != session) {
      scheduler.block(() -> !holders.containsKey(key) || session.isBroken(), after(patience));
      session.requireWell();
      if (holders.containsKey(key)) {
        throw new SQLException("canceling statement due to lock timeout", "55P03");
      }
    }
    holders.put(key, session);
  }

  private long after(long patience) {
    return patience == Long.MAX_VALUE ? patience : scheduler.after(patience);
  }

  void commit(SimulatedSession session, Transaction transaction) {
    oracle.committing(this, transaction);
    marks.putAll(transaction.marks);
    release(session);
  }

  /** Its transaction is over. */
  void release(SimulatedSession session) {
    holders.values().removeIf(holder -> holder == session);
  }

  void ended(SimulatedSession session) {
    release(session);
    sessions.values().removeIf(one -> one == session);
  }

  // What happens to it.

  private void cut(List<SimulatedSession> some) {
    some.forEach(SimulatedSession::breakDown);
  }

  /** A process is gone, and the server notices. */
  void left(SimulatedScheduler.Node process) {
    cut(sessions.values().stream().filter(session -> session.process() == process).toList());
  }

  void goDown(long nanos) {
    downUntil = scheduler.after(nanos);
    cut(List.copyOf(sessions.values()));
  }

  void turnReadOnly(long nanos) {
    readOnlyUntil = scheduler.after(nanos);
  }

  void calm() {
    downUntil = 0;
    readOnlyUntil = 0;
    breakOneIn = 0;
  }
}
