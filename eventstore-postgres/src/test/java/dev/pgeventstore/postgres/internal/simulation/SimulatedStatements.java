package dev.pgeventstore.postgres.internal.simulation;

import dev.pgeventstore.postgres.internal.simulation.SimulatedConnections.Answer;
import dev.pgeventstore.postgres.internal.simulation.SimulatedLeases.Decline;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Checkpoint;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Event;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Key;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Lease;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Session;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Table;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Transaction;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What the engine's statements do. A statement is known by words that only it has; one that is
 * unknown fails, so that a new statement is taught here before anything relies on it.
 */
final class SimulatedStatements {

  /** What a handler of the simulation writes its events with. */
  static final String SHOW = "insert into view";

  /** What the simulation's notifications are sent with. */
  static final String NOTIFY = "notify";

  private static final Map<String, String> PLAIN = new ConcurrentHashMap<>();
  private static final Map<String, Action> KNOWN = new ConcurrentHashMap<>();
  private static final Map<String, SimulatedPage> PAGES = new ConcurrentHashMap<>();
  private static final Map<String, Conditions> ADVANCES = new ConcurrentHashMap<>();

  private final Session session;
  private final SimulatedPostgres postgres;
  private final SimulatedScheduler scheduler;
  private final Transaction in;
  private final String sql;
  private final Object[] parameters;

  private SimulatedStatements(Session session, Transaction in, String sql, Object[] parameters) {
    this.session = session;
    this.postgres = session.postgres();
    this.scheduler = postgres.scheduler();
    this.in = in;
    this.sql = sql;
    this.parameters = parameters;
  }

  static Answer execute(Session session, Transaction in, String sql, Object[] parameters)
      throws SQLException {
    String plain = PLAIN.computeIfAbsent(sql, text -> text.replace("\"eventstore\"", "eventstore"));
    Action action;
    try {
      action = KNOWN.computeIfAbsent(plain, SimulatedStatements::find);
    } catch (IllegalStateException e) {
      throw session.postgres().scheduler().fail(e);
    }
    return action.run(new SimulatedStatements(session, in, plain, parameters));
  }

  private interface Action {
    Answer run(SimulatedStatements statement) throws SQLException;
  }

  private static Action find(String sql) {
    if (sql.contains(SHOW)) {
      return SimulatedStatements::show;
    }
    if (sql.startsWith("set local pgeventstore.lent_to = ")) {
      return SimulatedStatements::lend;
    }
    if (sql.startsWith("select pg_catalog.current_setting('transaction_read_only') = 'off'")) {
      return s -> Answer.row(s.text(1).isEmpty() || s.text(1).equals(s.postgres.incarnation()));
    }
    if (sql.startsWith("select pg_catalog.current_setting('pgeventstore.lent_to', true) = ?")) {
      return s -> Answer.row(s.text(1).equals(s.in.lentTo));
    }
    if (sql.contains("observe_fence()")) {
      return SimulatedStatements::observeFence;
    }
    if (sql.contains("enable_seqscan")) {
      return SimulatedStatements::page;
    }
    if (sql.startsWith("update ") && sql.contains("set position = ?")) {
      return SimulatedStatements::advance;
    }
    if (sql.contains("coalesce(max(position), 0) from eventstore.subscriptions")) {
      return SimulatedStatements::settled;
    }
    if (sql.startsWith("select set_config('idle_in_transaction_session_timeout', ")) {
      // No process is frozen here: FrozenNodeTest.
      return s -> Answer.row("");
    }
    if (sql.contains("keep_leases(")) {
      return s ->
          new SimulatedLeases(s.postgres, s.in)
              .keep(s.text(1), s.texts(2), s.numbers(3), s.texts(4));
    }
    if (sql.contains("arrange_partitions(")) {
      boolean joins = sql.contains("(?, ?, ?, ?, ?, ?, ?)");
      return s ->
          new SimulatedLeases(s.postgres, s.in)
              .arrange(
                  s.text(1),
                  (int) s.number(2),
                  s.number(3),
                  s.text(4),
                  joins ? s.text(6) : null,
                  joins ? s.number(7) : 0);
    }
    if (sql.contains("decline_partition(")) {
      return s ->
          new SimulatedLeases(s.postgres, s.in)
              .decline(s.text(1), (int) s.number(2), s.text(3), s.number(4), s.number(5));
    }
    if (sql.startsWith("select position\n") && sql.contains("for no key update")) {
      return SimulatedStatements::hold;
    }
    if (sql.startsWith("select partition\n") && sql.contains("from eventstore.leases")) {
      return SimulatedStatements::holdLeases;
    }
    if (sql.contains("select position, barrier, attempts")) {
      return SimulatedStatements::standing;
    }
    if (sql.contains("set attempts = case")) {
      return SimulatedStatements::countAttempt;
    }
    if (sql.contains("set attempts = 0, attempt_position = null")) {
      return s ->
          s.update(
              s.tenure(1),
              row -> {
                row.attempts = 0;
                row.attemptPosition = null;
              });
    }
    if (sql.contains("set stopped_at = clock_timestamp()")) {
      return SimulatedStatements::stop;
    }
    if (sql.contains("with member as")) {
      return SimulatedStatements::leave;
    }
    if (sql.contains("set lease_until = null, owner = null")) {
      return SimulatedStatements::giveBack;
    }
    if (sql.contains("from eventstore.events as e") && sql.contains("s.updated_at")) {
      return SimulatedStatements::status;
    }
    if (sql.contains("select exists (select from eventstore.subscriptions")) {
      return s -> Answer.row(!s.rows(s.text(1)).isEmpty());
    }
    if (sql.equals("select eventstore.incarnation()")) {
      return s -> Answer.row(s.postgres.incarnation());
    }
    if (sql.contains("pg_current_wal_flush_lsn() - '0/0' >= ?")) {
      return s -> Answer.row(s.postgres.flushed() >= s.number(1));
    }
    if (sql.contains("pg_logical_emit_message")) {
      return s -> {
        s.postgres.flush();
        return Answer.row("", 0L);
      };
    }
    if (sql.equals(NOTIFY)) {
      return s -> {
        s.in.isSynchronous = false;
        s.in.notifications.add(s.text(1));
        return Answer.row("", "");
      };
    }
    if (sql.contains("coalesce(eventstore.incarnation(), '')")) {
      return SimulatedStatements::checkpoints;
    }
    if (sql.contains("join eventstore.events as e")) {
      return SimulatedStatements::findAppend;
    }
    if (sql.contains("cross join lateral")) {
      return SimulatedStatements::setAside;
    }
    if (sql.contains("from eventstore.parked_streams") && sql.contains("for share")) {
      return SimulatedStatements::holdParked;
    }
    if (sql.contains("from eventstore.parked_streams")) {
      return SimulatedStatements::parkedStreams;
    }
    if (sql.contains("from eventstore.discarded_events")) {
      return SimulatedStatements::setAsideAt;
    }
    if (sql.contains("insert into eventstore.parked_streams")) {
      return s -> {
        s.postgres.parkedStreams.cell(new Key(s.text(1), s.text(2))).write(s.in, true);
        return Answer.updated(1);
      };
    }
    if (sql.contains("insert into eventstore.parked_events")) {
      return SimulatedStatements::parkEvent;
    }
    if (sql.contains("count(*)") && sql.contains("from eventstore.parked_events")) {
      return s -> Answer.row(0L);
    }
    if (sql.contains("pg_stat_activity")) {
      return s -> Answer.rows(List.of());
    }
    throw new IllegalStateException("teach SimulatedStatements:\n" + sql);
  }

  // Parameters.

  private String text(int index) {
    return (String) parameters[index];
  }

  private long number(int index) {
    return ((Number) parameters[index]).longValue();
  }

  private String[] texts(int index) {
    return (String[]) parameters[index];
  }

  private Long[] numbers(int index) {
    return (Long[]) parameters[index];
  }

  // The fence and pages.

  private Answer observeFence() {
    long drawn = postgres.drawn();
    scheduler.point();
    List<Event> all = postgres.committed(0L, Long.MAX_VALUE);
    long visible = all.isEmpty() ? 0 : all.get(all.size() - 1).position();
    String incarnation = postgres.incarnation();
    scheduler.point();
    List<Transaction> holders = postgres.holders();
    scheduler.note(
        "observes %d drawn, held by %s", drawn, holders.stream().map(Transaction::name).toList());
    Object names = null;
    Object processes = null;
    if (!holders.isEmpty()) {
      names = holders.stream().map(Transaction::name).toArray(String[]::new);
      processes = holders.stream().map(t -> t.isPrepared() ? null : 1).toArray(Integer[]::new);
    }
    scheduler.point();
    long written = postgres.written();
    long unflushedTo = postgres.flushed() >= written ? 0 : written;
    return Answer.row(drawn, visible, incarnation, false, names, processes, unflushedTo, false);
  }

  private Answer settled() {
    long furthest = 0;
    for (Table<Key, Checkpoint>.Cell row : postgres.subscriptions.all()) {
      furthest = Math.max(furthest, row.committed == null ? 0 : row.committed.position);
    }
    return Answer.row(furthest);
  }

  private Answer page() {
    try {
      return PAGES.computeIfAbsent(sql, SimulatedPage::new).read(postgres, parameters);
    } catch (IllegalStateException e) {
      throw scheduler.fail(e);
    }
  }

  @SuppressWarnings("unchecked")
  private Answer show() throws SQLException {
    in.show(text(1), (List<Event>) parameters[2]);
    return Answer.updated(1);
  }

  // Checkpoints.

  private List<Table<Key, Checkpoint>.Cell> rows(String name) {
    return postgres.subscriptions.all().stream()
        .filter(cell -> cell.key.name().equals(name) && cell.seen(in) != null)
        .toList();
  }

  private Tenure tenure(int first) {
    return new Tenure(Key.of(text(first), number(first + 1)), text(first + 2), number(first + 3));
  }

  private record Tenure(Key key, String owner, long epoch) implements Predicate<Checkpoint> {
    @Override
    public boolean test(Checkpoint row) {
      return owner.equals(row.owner) && epoch == row.epoch;
    }

    boolean holds(Lease lease) {
      return owner.equals(lease.owner()) && epoch == lease.epoch();
    }
  }

  private Answer update(Tenure of, java.util.function.Consumer<Checkpoint> change)
      throws SQLException {
    return Answer.updated(update(of.key, of, change) == null ? 0 : 1);
  }

  /** Changes a row that fulfils a condition: if it is locked, once it is not and still does. */
  private @Nullable Checkpoint update(
      Key key, Predicate<Checkpoint> where, java.util.function.Consumer<Checkpoint> change)
      throws SQLException {
    Table<Key, Checkpoint>.Cell cell = postgres.subscriptions.cell(key);
    Checkpoint found = cell.seen(in);
    if (found == null || !where.test(found)) {
      return null;
    }
    cell.lock(in);
    Checkpoint latest = cell.seen(in);
    if (latest == null || !where.test(latest)) {
      return null;
    }
    Checkpoint changed = latest.with(change);
    cell.write(in, changed);
    return changed;
  }

  private Answer hold() throws SQLException {
    List<Object[]> held = new ArrayList<>();
    for (Table<Key, Checkpoint>.Cell row : rows(text(1))) {
      row.lock(in);
      Checkpoint latest = row.seen(in);
      if (latest != null) {
        held.add(new Object[] {latest.position});
      }
    }
    return Answer.rows(held);
  }

  /** Those of a subscription that an owner has. */
  private List<Table<Key, Lease>.Cell> leases(String name, String owner) {
    return postgres.leases.all().stream()
        .filter(cell -> cell.key.name().equals(name))
        .filter(cell -> cell.seen(in) != null && owner.equals(cell.seen(in).owner()))
        .toList();
  }

  private Answer holdLeases() throws SQLException {
    List<Object[]> held = new ArrayList<>();
    for (Table<Key, Lease>.Cell lease : leases(text(1), text(2))) {
      lease.lock(in);
      held.add(new Object[] {lease.key.number()});
    }
    return Answer.rows(held);
  }

  private Answer giveBack() throws SQLException {
    Tenure tenure = tenure(1);
    Table<Key, Lease>.Cell cell = postgres.leases.cell(tenure.key);
    Lease lease = cell.seen(in);
    if (lease == null || !tenure.holds(lease)) {
      return Answer.updated(0);
    }
    cell.lock(in);
    lease = cell.seen(in);
    if (lease == null || !tenure.holds(lease)) {
      return Answer.updated(0);
    }
    cell.write(in, lease.givenBack());
    return Answer.updated(1);
  }

  private Answer standing() {
    Tenure tenure = tenure(1);
    Checkpoint row = postgres.subscriptions.cell(tenure.key).seen(in);
    return row == null || !tenure.test(row)
        ? Answer.rows(List.of())
        : Answer.row(row.position, row.barrier, row.attempts);
  }

  private Answer lend() {
    in.lentTo = sql.substring(sql.indexOf('\'') + 1, sql.lastIndexOf('\''));
    return Answer.updated(0);
  }

  private Answer advance() throws SQLException {
    Conditions where;
    try {
      where = ADVANCES.computeIfAbsent(sql, Conditions::new);
    } catch (IllegalStateException e) {
      throw scheduler.fail(e);
    }
    long to = number(1);
    boolean hasWritten = in.hasWritten();
    Checkpoint moved =
        update(
            where.key(parameters),
            row -> where.hold(row, parameters, postgres, in),
            row -> row.position = to);
    if (moved != null && !hasWritten) {
      in.isSynchronous = false;
    }
    return Answer.updated(moved == null ? 0 : 1);
  }

  private Answer countAttempt() throws SQLException {
    long position = number(1);
    Tenure tenure = tenure(3);
    Checkpoint counted =
        update(
            tenure.key,
            tenure,
            row -> {
              row.attempts =
                  Long.valueOf(position).equals(row.attemptPosition) ? row.attempts + 1 : 1;
              row.attemptPosition = position;
            });
    return counted == null ? Answer.rows(List.of()) : Answer.row(counted.attempts);
  }

  private Answer stop() throws SQLException {
    Tenure tenure = tenure(3);
    Checkpoint own = postgres.subscriptions.cell(tenure.key).seen(in);
    if (own == null || !tenure.test(own)) {
      return Answer.updated(0);
    }
    int stopped = 0;
    for (Table<Key, Checkpoint>.Cell row : rows(text(2))) {
      update(
          row.key,
          any -> true,
          changed -> {
            changed.isStopped = true;
            changed.error = text(1);
          });
      stopped++;
    }
    return Answer.updated(stopped);
  }

  private Answer leave() throws SQLException {
    String name = text(1);
    String owner = text(2);
    postgres.members.cell(new Key(name, owner)).write(in, null);
    for (Table<Key, Checkpoint>.Cell row : rows(name)) {
      postgres.declines.cell(Decline.key(name, row.key.number(), owner)).write(in, null);
    }
    List<Table<Key, Lease>.Cell> leases = leases(name, owner);
    for (Table<Key, Lease>.Cell cell : leases) {
      cell.lock(in);
      Lease lease = cell.seen(in);
      if (lease != null && owner.equals(lease.owner())) {
        cell.write(in, lease.givenBack());
      }
    }
    return Answer.updated(leases.size());
  }

  private Answer status() {
    List<Object[]> found = new ArrayList<>();
    for (Table<Key, Checkpoint>.Cell cell : rows(text(2))) {
      Checkpoint row = cell.seen(in);
      Lease lease = postgres.leases.cell(cell.key).seen(in);
      found.add(
          new Object[] {
            cell.key.number(),
            row.position,
            row.epoch,
            lease.owner(),
            lease.until() == null ? 0 : lease.until() - postgres.clock(),
            row.isStopped,
            row.error,
            0L,
            0L,
            null,
            false
          });
    }
    return Answer.rows(found);
  }

  private Answer checkpoints() {
    List<Object[]> found = new ArrayList<>();
    boolean anyParked =
        postgres.parkedEvents.all().stream()
            .anyMatch(cell -> cell.key.name().equals(text(1)) && cell.seen(in) != null);
    for (Table<Key, Checkpoint>.Cell cell : rows(text(1))) {
      found.add(new Object[] {cell.seen(in).position, postgres.incarnation(), anyParked});
    }
    return Answer.rows(found);
  }

  /** The position of an append, by streams, versions and ids. */
  private Answer findAppend() {
    Object[] streams = (Object[]) parameters[1];
    Object[] versions = (Object[]) parameters[2];
    Object[] ids = (Object[]) parameters[3];
    Long position = null;
    for (Event event : postgres.committed(0L, Long.MAX_VALUE)) {
      for (int i = 0; i < streams.length; i++) {
        if (event.stream().equals(streams[i])
            && versions[i].equals(event.version())
            && event.id().equals(ids[i])) {
          position = event.position();
        }
      }
    }
    return Answer.row(position, postgres.incarnation());
  }

  // What is parked.

  /** The first of some versions of some streams. */
  private Answer setAside() {
    Object[] streams = (Object[]) parameters[1];
    return setAside(
        text(4),
        event ->
            IntStream.range(0, streams.length)
                .anyMatch(
                    i ->
                        event.stream().equals(streams[i])
                            && event.version() >= (Long) ((Object[]) parameters[2])[i]
                            && event.version() <= (Long) ((Object[]) parameters[3])[i]));
  }

  /** What stands at a position. */
  private Answer setAsideAt() {
    return setAside(text(1), event -> event.position() == number(2));
  }

  private Answer setAside(String name, Predicate<Event> wanted) {
    for (Table<Key, Event>.Cell cell : postgres.parkedEvents.all()) {
      Event event = cell.seen(in);
      if (cell.key.name().equals(name) && event != null && wanted.test(event)) {
        return Answer.row(
            event.stream(),
            event.version(),
            event.position(),
            0,
            null,
            Instant.ofEpochMilli(event.at()).atOffset(ZoneOffset.UTC),
            null);
      }
    }
    return Answer.rows(List.of());
  }

  private Answer parkedStreams() {
    List<Object[]> found = new ArrayList<>();
    for (Table<Key, Boolean>.Cell cell : postgres.parkedStreams.all()) {
      if (cell.key.name().equals(text(1)) && cell.seen(in) != null) {
        found.add(new Object[] {cell.key.part()});
      }
    }
    return Answer.rows(found);
  }

  private Answer holdParked() throws SQLException {
    List<Object[]> found = new ArrayList<>();
    for (String stream : texts(2)) {
      Table<Key, Boolean>.Cell cell = postgres.parkedStreams.cell(new Key(text(1), stream));
      if (cell.seen(in) != null) {
        cell.share(in);
        found.add(new Object[] {stream});
      }
    }
    return Answer.rows(found);
  }

  private Answer parkEvent() throws SQLException {
    long position = number(3);
    Event event = postgres.events.cell(position).committed;
    postgres.parkedEvents.cell(Key.of(text(1), position)).write(in, event);
    return Answer.updated(1);
  }

  /** The conditions under which a checkpoint moves, as they stand in the statement. */
  private static final class Conditions {

    private final List<Condition> conditions = new ArrayList<>();
    private int name;
    private int partition;
    private int lentTo;

    Conditions(String sql) {
      String[] parts = sql.substring(sql.indexOf("where ") + 6).split("\n *and ");
      int next = 2;
      for (String part : parts) {
        String condition = part.strip();
        int first = next;
        next += (int) condition.chars().filter(c -> c == '?').count();
        conditions.add(condition(condition, first));
      }
    }

    private Condition condition(String text, int at) {
      if (text.endsWith("or true)")) {
        return (row, p, postgres) -> true; // a mutant
      }
      return switch (text) {
        case "name = ?" -> {
          name = at;
          yield (row, p, postgres) -> true;
        }
        case "partition = ?" -> {
          partition = at;
          yield (row, p, postgres) -> true;
        }
        case "position = ?" -> (row, p, postgres) -> row.position == (Long) p[at];
        case "position < ?" -> (row, p, postgres) -> row.position < (Long) p[at];
        case "owner = ?" -> (row, p, postgres) -> p[at].equals(row.owner);
        case "epoch = ?" -> (row, p, postgres) -> row.epoch == (Long) p[at];
        case "(barrier is null or barrier >= ?)" ->
            (row, p, postgres) -> row.barrier == null || row.barrier >= (Long) p[at];
        case "eventstore.incarnation() = ?" ->
            (row, p, postgres) -> postgres.incarnation().equals(p[at]);
        case "pg_catalog.current_setting('pgeventstore.lent_to', true) = ?" -> {
          lentTo = at;
          yield (row, p, postgres) -> true;
        }
        default -> {
          if (text.contains("set_config")) {
            yield (row, p, postgres) -> true;
          }
          throw new IllegalStateException("teach SimulatedStatements the condition: " + text);
        }
      };
    }

    Key key(Object[] parameters) {
      return Key.of((String) parameters[name], ((Number) parameters[partition]).longValue());
    }

    boolean hold(Checkpoint row, Object[] parameters, SimulatedPostgres postgres, Transaction in) {
      return (lentTo == 0 || parameters[lentTo].equals(in.lentTo))
          && conditions.stream().allMatch(c -> c.holds(row, parameters, postgres));
    }
  }

  private interface Condition {
    boolean holds(Checkpoint row, Object[] parameters, SimulatedPostgres postgres);
  }
}
