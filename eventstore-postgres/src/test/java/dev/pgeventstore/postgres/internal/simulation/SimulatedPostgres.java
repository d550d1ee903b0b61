package dev.pgeventstore.postgres.internal.simulation;

import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * PostgreSQL, no larger than what the promises use.
 *
 * <ul>
 *   <li>Positions are drawn in order, transactions commit in any. A statement is one step and sees
 *       what is committed then; functions of several statements are several steps.
 *   <li>Rows are locked until the transaction ends; who wants a locked row waits, and looks again.
 *   <li>A commit is written to the log, flushed if it is synchronous, then becomes visible, and
 *       only then are its locks released: each is a step, and between them anything may happen.
 *   <li>A crash loses what was not flushed, the sequence's positions too. A failover loses a tail
 *       of the log, flushed or not. Both begin a new incarnation.
 *   <li>Prepared transactions survive, under another name.
 * </ul>
 */
final class SimulatedPostgres {

  /** So many positions the sequence writes to the log ahead, so that not each draw is written. */
  private final int sequenceAhead;

  private final SimulatedScheduler scheduler;
  private final SimulatedScheduler.Node server;
  private Faults faults;
  private final double clockRate;
  private final List<LogRecord> log = new ArrayList<>();
  private final List<Table<?, ?>> tables = new ArrayList<>();
  private final Set<Transaction> transactions = new LinkedHashSet<>();
  private final Set<Session> sessions = new LinkedHashSet<>();
  private final TreeSet<Integer> freeBackends = new TreeSet<>();

  final Table<Long, Event> events = new Table<>("events");
  final Table<String, Long> streams = new Table<>("streams");
  final Table<Key, Lease> leases = new Table<>("leases");
  final Table<Key, Checkpoint> subscriptions = new Table<>("subscriptions");
  final Table<Key, Long> members = new Table<>("members");
  final Table<Key, SimulatedLeases.Decline> declines = new Table<>("declines");
  final Table<Key, Boolean> parkedStreams = new Table<>("parked streams");
  final Table<Key, Event> parkedEvents = new Table<>("parked events");
  final Table<Long, Row> view = new Table<>("view");

  private Watcher watcher = new Watcher() {};
  private int flushed;
  private long sequence;
  private long sequenceLogged;
  private int life = 1;
  private boolean up = true;
  private int backends;
  private int number;
  private long viewRows;

  /**
   * How often connections break.
   *
   * @param beforeOneIn so many statements one is not executed
   * @param afterOneIn of so many statements and commits the answer to one is lost
   */
  record Faults(int beforeOneIn, int afterOneIn) {}

  SimulatedPostgres(
      SimulatedScheduler scheduler, Faults faults, int sequenceAhead, double clockRate) {
    this.scheduler = scheduler;
    this.server = scheduler.node("server");
    this.faults = faults;
    this.sequenceAhead = sequenceAhead;
    this.clockRate = clockRate;
  }

  /** From now on nothing breaks any more. */
  void calm() {
    faults = new Faults(0, 0);
  }

  boolean isUp() {
    return up;
  }

  void watch(Watcher by) {
    watcher = by;
  }

  /** Flushes what asynchronous commits have left, as the server's own process does. */
  void start(long flushNanos) {
    server.start(
        "wal-writer",
        () -> {
          while (true) {
            scheduler.block(() -> flushed < log.size(), Long.MAX_VALUE);
            scheduler.sleep(flushNanos);
            flushed = log.size();
          }
        });
  }

  SimulatedScheduler scheduler() {
    return scheduler;
  }

  /** The server's clock in milliseconds: it may be fast or slow. */
  long clock() {
    return 1_000_000 + (long) (scheduler.nanoTime() * clockRate / 1e6);
  }

  String incarnation() {
    return "life " + life;
  }

  long drawn() {
    return sequence;
  }

  /** How far the log is written: in records, where PostgreSQL counts bytes. */
  long written() {
    return log.size();
  }

  /** How far it is on the disk. */
  long flushed() {
    return flushed;
  }

  void flush() {
    int lived = life;
    scheduler.point();
    if (lived == life) {
      flushed = log.size();
    }
  }

  List<Transaction> holders() {
    return transactions.stream().filter(t -> t.locksEvents).toList();
  }

  List<String> prepared() {
    return transactions.stream().filter(t -> t.isPrepared && !t.isEnding).map(t -> t.gid).toList();
  }

  /** The events of the log as it is committed now, behind one position and up to another. */
  List<Event> committed(long after, long upTo) {
    List<Event> found = new ArrayList<>();
    for (Table<Long, Event>.Cell cell : events.between(after, upTo)) {
      if (cell.committed != null) {
        found.add(cell.committed);
      }
    }
    return found;
  }

  // Faults.

  /** The server ends without a word, and is there again after some time. */
  void crash(long downNanos) {
    restart(false, flushed, downNanos);
  }

  /** Another server takes over that has not received the last records of the log. */
  void failover(int lost, long downNanos) {
    restart(true, Math.max(0, log.size() - lost), downNanos);
  }

  private void restart(boolean isFailover, int keep, long downNanos) {
    up = false;
    life++;
    scheduler.note(
        "%s: %d of %d records are kept", isFailover ? "failover" : "crash", keep, log.size());
    sessions.forEach(session -> session.isBroken = true);
    sessions.clear();
    transactions.clear();
    freeBackends.clear();
    backends = 0;
    log.subList(keep, log.size()).clear();
    flushed = keep;
    tables.forEach(Table::clear);
    sequence = 0;
    sequenceLogged = 0;
    for (LogRecord written : log) {
      replay(written);
    }
    sequence = sequenceLogged;
    watcher.restarted(isFailover);
    scheduler.sleep(downNanos);
    up = true;
    scheduler.note("the server is up again, positions begin behind %d", sequence);
  }

  private void replay(LogRecord written) {
    sequenceLogged = Math.max(sequenceLogged, written.sequence);
    if (written.isEnd) {
      for (Transaction ends : List.copyOf(transactions)) {
        if (ends.gid.equals(written.gid)) {
          ends.release();
        }
      }
    } else if (written.isPrepare) {
      Transaction again = new Transaction(null, "-1/" + ++number);
      again.gid = written.gid;
      again.isPrepared = true;
      again.locksEvents = true;
      transactions.add(again);
      written.changes.forEach(change -> change.hold(again));
      return;
    }
    written.changes.forEach(Change::apply);
  }

  /** A process is gone: the server rolls back what it had begun. */
  void disconnect(SimulatedScheduler.Node client) {
    for (Session session : List.copyOf(sessions)) {
      if (session.client == client) {
        session.end();
      }
    }
  }

  /** A connection of a client. */
  Session connect(SimulatedScheduler.Node client) throws SQLException {
    scheduler.point();
    if (!up) {
      throw new SQLException("the database system is starting up", "57P03");
    }
    Integer free = freeBackends.pollFirst();
    Session session = new Session(client, free == null ? ++backends : free);
    sessions.add(session);
    return session;
  }

  /** Ends a prepared transaction. */
  void finishPrepared(String gid, boolean commits) {
    Transaction transaction =
        transactions.stream()
            .filter(t -> t.isPrepared && !t.isEnding && t.gid.equals(gid))
            .findFirst()
            .orElse(null);
    if (transaction == null) {
      return;
    }
    transaction.isEnding = true;
    LogRecord end = append(new LogRecord());
    end.isEnd = true;
    end.gid = transaction.gid;
    int lived = life;
    end.changes = commits ? transaction.changes() : List.of();
    flush();
    if (commits && lived == life) {
      transaction.becomeVisible();
    }
    scheduler.point();
    if (lived == life) {
      transaction.release();
    }
  }

  private LogRecord append(LogRecord written) {
    log.add(written);
    return written;
  }

  /** What the oracles are told. */
  interface Watcher {
    /** A transaction becomes visible; its changes are not applied yet. */
    default void committing(Transaction transaction) {}

    /** The log was cut: where it was not flushed, or after a failover anywhere. */
    default void restarted(boolean isFailover) {}
  }

  /** What one connection does. */
  final class Session {

    final SimulatedScheduler.Node client;
    private final int backend;
    private final int lived = life;
    private final List<String> heard = new ArrayList<>();
    private boolean listens;
    private boolean isBroken;
    private @Nullable Transaction transaction;

    private Session(SimulatedScheduler.Node client, int backend) {
      this.client = client;
      this.backend = backend;
    }

    SimulatedPostgres postgres() {
      return SimulatedPostgres.this;
    }

    boolean isClosed() {
      return isBroken;
    }

    /** The transaction that is open, or a new one. */
    Transaction transaction() {
      Transaction open = transaction;
      if (open == null) {
        open = new Transaction(this, backend + "/" + ++number);
        transaction = open;
        transactions.add(open);
      }
      return open;
    }

    /** Executes a statement in the open transaction, or in one of its own. */
    <T> T execute(boolean autoCommit, Statement<T> statement) throws SQLException {
      scheduler.point();
      mayBreak(faults.beforeOneIn);
      Transaction in = transaction();
      if (in.isAborted) {
        throw new SQLException("the transaction is aborted", "25P02");
      }
      T answer;
      try {
        answer = statement.execute(in);
      } catch (SQLException e) {
        in.isAborted = true;
        if (autoCommit && !isBroken) {
          rollback();
        }
        throw e;
      }
      requireConnection();
      if (autoCommit) {
        commit();
      } else {
        mayBreak(faults.afterOneIn);
        scheduler.point();
      }
      return answer;
    }

    void commit() throws SQLException {
      Transaction ends = transaction;
      if (ends == null) {
        return;
      }
      if (ends.isAborted) {
        rollback();
        throw new SQLException("the transaction was rolled back", "25P02");
      }
      if (!ends.hasWritten()) {
        transaction = null;
        ends.release();
        ends.notifyListeners();
        return;
      }
      scheduler.point();
      mayBreak(faults.beforeOneIn);
      if (scheduler.oneIn(faults.afterOneIn)) {
        commitUnseen(ends);
      }
      commit(ends);
      transaction = null;
      mayBreak(faults.afterOneIn);
    }

    private void commit(Transaction ends) throws SQLException {
      LogRecord written = append(new LogRecord());
      written.changes = ends.changes();
      if (ends.isSynchronous) {
        flush();
      }
      requireLife();
      ends.becomeVisible();
      scheduler.point();
      requireLife();
      ends.release();
      ends.notifyListeners();
    }

    /** The connection breaks, and the server, which has the statement, commits some time later. */
    private void commitUnseen(Transaction ends) throws SQLException {
      scheduler.note("a connection breaks while the server commits");
      isBroken = true;
      sessions.remove(this);
      server.start(
          "unseen commit",
          () -> {
            try {
              scheduler.sleep(1 + scheduler.random().nextLong(300_000_000));
              requireLife();
              commit(ends);
            } catch (SQLException e) {
              scheduler.note("the server has crashed before");
            }
          });
      requireConnection();
    }

    private void requireLife() throws SQLException {
      if (lived != life) {
        throw new SQLException("the server has crashed", "57P02");
      }
    }

    void rollback() throws SQLException {
      Transaction ends = transaction;
      if (ends != null) {
        scheduler.point();
        requireConnection();
        transaction = null;
        ends.release();
      }
    }

    /** The first half of a two-phase commit. */
    void prepare(String gid) throws SQLException {
      requireConnection();
      Transaction ends = transaction();
      LogRecord written = append(new LogRecord());
      written.isPrepare = true;
      written.gid = gid;
      written.changes = ends.changes();
      flush();
      requireConnection();
      transaction = null;
      ends.gid = gid;
      ends.isPrepared = true;
      ends.session = null;
      if (scheduler.oneIn(2)) {
        ends.name = "-1/" + ++number;
      }
    }

    void close() {
      end();
    }

    void listen() {
      listens = true;
    }

    /** What was notified, as soon as there is anything. */
    List<String> hear(long atMost) throws SQLException {
      scheduler.block(() -> isBroken || !heard.isEmpty(), scheduler.after(atMost));
      requireConnection();
      List<String> all = List.copyOf(heard);
      heard.clear();
      return all;
    }

    private void end() {
      if (!isBroken) {
        isBroken = true;
        sessions.remove(this);
        freeBackends.add(backend);
        Transaction open = transaction;
        transaction = null;
        if (open != null) {
          open.release();
        }
      }
    }

    private void mayBreak(int oneIn) throws SQLException {
      requireConnection();
      if (scheduler.oneIn(oneIn)) {
        scheduler.note("a connection breaks");
        isBroken = true;
        sessions.remove(this);
        Transaction left = transaction;
        if (left != null) {
          // The server finds out some time later; until then it holds what it has locked.
          server.start(
              "lost backend",
              () -> {
                scheduler.sleep(1 + scheduler.random().nextLong(50_000_000));
                left.release();
              });
        }
        requireConnection();
      }
    }

    private void requireConnection() throws SQLException {
      if (isBroken) {
        throw new SQLException("the connection was lost", "08006");
      }
    }
  }

  /**
   * A statement.
   *
   * @param <T> what it answers
   */
  interface Statement<T> {
    T execute(Transaction in) throws SQLException;
  }

  /** A transaction, from its first statement until its locks are released. */
  final class Transaction {

    private @Nullable Session session;
    private String name;
    private final Set<Table<?, ?>.Cell> touched = new LinkedHashSet<>();
    private String gid = "";
    private boolean locksEvents;
    private boolean isAborted;
    private boolean isPrepared;
    private boolean isEnding;
    private boolean isVisible;
    boolean isSynchronous = true;
    @Nullable String lentTo;
    final List<String> notifications = new ArrayList<>();

    private Transaction(@Nullable Session session, String name) {
      this.session = session;
      this.name = name;
    }

    /** As pg_locks shows it. */
    String name() {
      return isVisible && !isPrepared ? name.substring(0, name.indexOf('/')) + "/0" : name;
    }

    boolean isPrepared() {
      return isPrepared;
    }

    boolean hasWritten() {
      return touched.stream().anyMatch(cell -> cell.isWritten);
    }

    List<Change> changes() {
      List<Change> changes = new ArrayList<>();
      for (Table<?, ?>.Cell cell : touched) {
        if (cell.isWritten) {
          changes.add(cell.change());
        }
      }
      return changes;
    }

    /** What it has written to a table, in that order. */
    <K extends Comparable<K>, V> List<Table<K, V>.Cell> writtenTo(Table<K, V> table) {
      List<Table<K, V>.Cell> cells = new ArrayList<>();
      for (Table<?, ?>.Cell cell : touched) {
        if (cell.isWritten && cell.table() == table) {
          @SuppressWarnings("unchecked")
          Table<K, V>.Cell typed = (Table<K, V>.Cell) cell;
          cells.add(typed);
        }
      }
      return cells;
    }

    /** Appends events: the lock, then the positions, one after the other. */
    List<Event> append(List<Event> unplaced) throws SQLException {
      if (!locksEvents) {
        locksEvents = true;
        scheduler.point();
      }
      List<Event> placed = new ArrayList<>();
      for (Event event : unplaced) {
        scheduler.point();
        requireSession();
        sequence++;
        if (sequence > sequenceLogged) {
          sequenceLogged = sequence + sequenceAhead;
          append0(sequenceLogged);
        }
        Event at = event.at(sequence, clock());
        events.cell(sequence).write(this, at);
        placed.add(at);
      }
      return placed;
    }

    private void append0(long upTo) {
      LogRecord written = new LogRecord();
      written.sequence = upTo;
      SimulatedPostgres.this.append(written);
    }

    /** Adds rows to the read models. */
    void show(String subscription, List<Event> applied) throws SQLException {
      for (Event event : applied) {
        view.cell(++viewRows).write(this, new Row(subscription, event));
      }
    }

    private void requireSession() throws SQLException {
      Session in = session;
      if (in != null) {
        in.requireConnection();
      }
    }

    private void becomeVisible() {
      watcher.committing(this);
      isVisible = true;
      for (Table<?, ?>.Cell cell : touched) {
        cell.commit();
      }
    }

    private void notifyListeners() {
      for (Session session : sessions) {
        if (session.listens) {
          session.heard.addAll(notifications);
        }
      }
    }

    private void release() {
      transactions.remove(this);
      for (Table<?, ?>.Cell cell : touched) {
        cell.release(this);
      }
    }
  }

  /** A record of the write-ahead log. */
  private static final class LogRecord {
    private List<Change> changes = List.of();
    private long sequence;
    private boolean isPrepare;
    private boolean isEnd;
    private String gid = "";
  }

  /** What became of a row. */
  interface Change {
    void apply();

    void hold(Transaction by);
  }

  /** A table: cells that are there or not, for each who looks. */
  final class Table<K extends Comparable<K>, V> {

    private final String name;
    private final TreeMap<K, Cell> cells = new TreeMap<>();

    private Table(String name) {
      this.name = name;
      tables.add(this);
    }

    private void clear() {
      cells.clear();
    }

    Cell cell(K key) {
      return cells.computeIfAbsent(key, Cell::new);
    }

    List<Cell> all() {
      return List.copyOf(cells.values());
    }

    private Iterable<Cell> between(K after, K upTo) {
      return after.compareTo(upTo) >= 0
          ? List.of()
          : cells.subMap(after, false, upTo, true).values();
    }

    /** A row, or the place of one. */
    final class Cell {

      final K key;
      @Nullable V committed;
      private @Nullable V pending;
      private boolean isWritten;
      private @Nullable Transaction locker;
      private final Set<Transaction> sharers = new LinkedHashSet<>();

      private Cell(K key) {
        this.key = key;
      }

      private Table<K, V> table() {
        return Table.this;
      }

      /** What a transaction sees; null where there is no row. */
      @Nullable V seen(Transaction by) {
        return isWritten && locker == by ? pending : committed;
      }

      @Nullable V pending() {
        return pending;
      }

      boolean isFree(Transaction forOne) {
        return (locker == null || locker == forOne)
            && sharers.stream().allMatch(other -> other == forOne);
      }

      /** Waits until no other transaction holds it. */
      void lock(Transaction by) throws SQLException {
        Session session = by.session;
        by.requireSession();
        while (!isFree(by)) {
          scheduler.note("waits for %s", this);
          scheduler.block(
              () -> isFree(by) || (session != null && session.isBroken), Long.MAX_VALUE);
          by.requireSession();
        }
        locker = by;
        by.touched.add(this);
      }

      /** Keeps others from changing it. */
      void share(Transaction by) throws SQLException {
        scheduler.block(() -> locker == null || locker == by, Long.MAX_VALUE);
        by.requireSession();
        sharers.add(by);
        by.touched.add(this);
      }

      boolean tryLock(Transaction by) throws SQLException {
        by.requireSession();
        if (!isFree(by)) {
          return false;
        }
        locker = by;
        by.touched.add(this);
        return true;
      }

      void write(Transaction by, @Nullable V value) throws SQLException {
        lock(by);
        pending = value;
        isWritten = true;
        // In the order in which they were written last.
        by.touched.remove(this);
        by.touched.add(this);
      }

      private Change change() {
        K at = key;
        V value = pending;
        return new Change() {
          @Override
          public void apply() {
            cell(at).committed = value;
          }

          @Override
          public void hold(Transaction by) {
            Cell again = cell(at);
            again.pending = value;
            again.isWritten = true;
            again.locker = by;
            by.touched.add(again);
          }
        };
      }

      private void commit() {
        if (isWritten) {
          committed = pending;
          isWritten = false;
        }
      }

      private void release(Transaction by) {
        sharers.remove(by);
        if (locker == by) {
          locker = null;
          pending = null;
          isWritten = false;
        }
      }

      @Override
      public String toString() {
        return name + " " + key;
      }
    }
  }

  /** What a row is found by: two parts. */
  record Key(String name, String part) implements Comparable<Key> {

    static Key of(String name, long part) {
      return new Key(name, "%08d".formatted(part));
    }

    int number() {
      return Integer.parseInt(part);
    }

    @Override
    public int compareTo(Key other) {
      int names = name.compareTo(other.name);
      return names != 0 ? names : part.compareTo(other.part);
    }
  }

  /** An event; its position is 0 until it is appended. */
  record Event(
      long position, String stream, long version, UUID id, String type, int bytes, long at) {

    String category() {
      return stream.substring(0, stream.indexOf('-'));
    }

    Event at(long drawn, long clock) {
      return new Event(drawn, stream, version, id, type, bytes, clock);
    }

    @Override
    public String toString() {
      return position + ":" + stream + "@" + version;
    }
  }

  /** A row of a read model. */
  record Row(String subscription, Event event) {}

  /** A row of the leases. */
  record Lease(@Nullable String owner, long epoch, @Nullable Long until) {

    static final Lease FREE = new Lease(null, 0, null);

    Lease givenBack() {
      return new Lease(null, epoch, null);
    }
  }

  /** A row of the subscriptions. */
  static final class Checkpoint implements Cloneable {
    long position;
    int partitions;
    @Nullable String query;
    @Nullable Long barrier;
    @Nullable Integer nextPartitions;
    @Nullable Long attemptPosition;
    int attempts;
    boolean isStopped;
    @Nullable String error;
    @Nullable String owner;
    long epoch;

    Checkpoint with(Consumer<Checkpoint> change) {
      try {
        Checkpoint copy = (Checkpoint) clone();
        change.accept(copy);
        return copy;
      } catch (CloneNotSupportedException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    public String toString() {
      return "%d of %d, epoch %d, owner %s%s"
          .formatted(position, partitions, epoch, owner, isStopped ? ", stopped by " + error : "");
    }
  }
}
