package dev.pgeventstore.postgres.internal.tables;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The functions that observe the fence and the server's incarnation. */
public final class FenceFunction {

  // The write-ahead log is read last: all drawn positions, and the ends of all ended transactions,
  // were written to it before.
  private static final String OBSERVE =
      """
      select drawn, visible, incarnation, is_standby, holders, pids,
             case when is_standby
                    or pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn() then 0
                  else (pg_current_wal_insert_lsn() - '0/0')::bigint
             end,
             drawn = 0 and not is_standby
               and not has_sequence_privilege('$schema.events_position_seq', 'usage, select')
        from $schema.observe_fence()
      """;

  // Statements that are sent together are one transaction, and this setting lasts as long as that.
  // The driver sends some 250 together at most.
  private static final String LOCKS_SOON = "select set_config('lock_timeout', '100ms', true)";

  // Others wait for the row that this transaction writes, and this process may be frozen.
  private static final String BEGIN =
      "set transaction read write; set local idle_in_transaction_session_timeout = '10s'";

  private static final String INCARNATION = "select $schema.incarnation()";

  private static final String BEGIN_INCARNATION = "select $schema.begin_incarnation()";

  // Everything up to any checkpoint was settled once, and stays settled.
  private static final String SETTLED =
      "select coalesce(max(position), 0) from $schema.subscriptions";

  private static final String LAST_DRAWN =
      """
      select case when is_called then last_value else last_value - 1 end
        from $schema.events_position_seq
      """;

  private final String sequence;
  private final String observe;
  private final String incarnation;
  private final String beginIncarnation;
  private final String settled;
  private final String lastDrawn;

  public FenceFunction(Schema schema) {
    this.sequence = schema.in("$schema.events_position_seq");
    this.observe = schema.in(OBSERVE);
    this.incarnation = schema.in(INCARNATION);
    this.beginIncarnation = schema.in(BEGIN_INCARNATION);
    this.settled = schema.in(SETTLED);
    this.lastDrawn = schema.in(LAST_DRAWN);
  }

  /**
   * Makes one observation: the last drawn position, and then the transactions that hold the lock.
   *
   * @param connection a connection in auto-commit mode
   * @param patience the time after which the server gives up, in whole seconds, 1 or more
   */
  public Observation observe(Connection connection, Duration patience) throws SQLException {
    try {
      return look(connection, patience);
    } catch (SQLException e) {
      if (!SqlErrors.isReadOnly(e) || e instanceof StandbyException) {
        throw e;
      }
      // The first observation after a crash begins an incarnation, but this role's transactions are
      // read-only by default.
      beginIncarnation(connection);
      return look(connection, patience);
    }
  }

  private Observation look(Connection connection, Duration patience) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(observe)) {
      statement.setQueryTimeout(Math.toIntExact(patience.toSeconds()));
      try (ResultSet row = statement.executeQuery()) {
        return read(row);
      }
    }
  }

  /**
   * Makes one observation of each of several fences, in one round trip. Each is a separate
   * statement with its own snapshot. If one fails, all fail; if one waits for a lock, all fail
   * soon.
   *
   * @param connection a connection in auto-commit mode
   * @param patience as for one observation
   */
  public static List<Observation> observeAll(
      Connection connection, List<FenceFunction> fences, Duration patience) throws SQLException {
    StringBuilder statements = new StringBuilder(LOCKS_SOON);
    fences.forEach(fence -> statements.append(';').append(fence.observe));
    // Not prepared, because the set of fences that are due together changes nearly every time.
    try (Statement statement = connection.createStatement()) {
      statement.setQueryTimeout(Math.toIntExact(patience.toSeconds()));
      statement.execute(statements.toString());
      List<Observation> observations = new ArrayList<>();
      for (FenceFunction fence : fences) {
        statement.getMoreResults();
        try (ResultSet row = statement.getResultSet()) {
          observations.add(fence.read(row));
        }
      }
      return observations;
    }
  }

  private Observation read(ResultSet row) throws SQLException {
    row.next();
    if (row.getBoolean(4)) {
      throw new StandbyException();
    }
    if (row.getBoolean(8)) {
      throw new HiddenSequenceException(sequence);
    }
    return new Observation(
        row.getLong(1),
        row.getLong(2),
        row.getString(3),
        locks(row.getArray(5), row.getArray(6)),
        row.getLong(7));
  }

  private void beginIncarnation(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      statement.execute(BEGIN);
      statement.execute(beginIncarnation);
      connection.commit();
    } finally {
      // Ends the transaction, whatever its state.
      connection.setAutoCommit(true);
    }
  }

  private static List<Lock> locks(@Nullable Array holders, @Nullable Array pids)
      throws SQLException {
    if (holders == null || pids == null) {
      return List.of();
    }
    String[] transactions = (String[]) holders.getArray();
    Integer[] processes = (Integer[]) pids.getArray();
    return IntStream.range(0, transactions.length)
        .mapToObj(i -> new Lock(transactions[i], processes[i]))
        .toList();
  }

  /** The incarnation of the server behind a connection; empty while none has begun. */
  public String incarnation(Connection connection) throws SQLException {
    return Statements.one(
        connection, incarnation, row -> Objects.requireNonNullElse(row.getString(1), ""));
  }

  /**
   * The largest checkpoint. The order is settled at least up to this position. The statement fails
   * soon if it waits for a lock.
   *
   * @param connection in auto-commit mode
   * @param patience as for an observation
   */
  public long settled(Connection connection, Duration patience) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(LOCKS_SOON + ';' + settled)) {
      statement.setQueryTimeout(Math.toIntExact(patience.toSeconds()));
      statement.execute();
      statement.getMoreResults();
      try (ResultSet row = statement.getResultSet()) {
        row.next();
        return row.getLong(1);
      }
    }
  }

  /** The last position that was handed out, committed or not. */
  public long lastDrawn(Connection connection) throws SQLException {
    return Statements.one(connection, lastDrawn, row -> row.getLong(1));
  }

  /**
   * What was observed.
   *
   * @param drawn the last position that was drawn
   * @param visible the largest position of a visible event
   * @param incarnation the incarnation of the server
   * @param locks the locks on the events table under which positions are drawn
   * @param unflushedTo how far the write-ahead log was written when this was observed; 0 if it was
   *     flushed up to there
   */
  public record Observation(
      long drawn, long visible, String incarnation, List<Lock> locks, long unflushedTo) {

    /** Creates an observation that is flushed. */
    public Observation(long drawn, long visible, String incarnation, List<Lock> locks) {
      this(drawn, visible, incarnation, locks, 0);
    }
  }

  /**
   * A lock on the events table.
   *
   * @param virtualTransaction the transaction that holds the lock
   * @param pid the process of the transaction; null for a prepared one
   */
  public record Lock(String virtualTransaction, @Nullable Integer pid) {}

  /** A standby cannot be observed. */
  private static final class StandbyException extends SQLException {
    private static final long serialVersionUID = 1L;

    StandbyException() {
      super(
          "the server is a standby, where the locks of appends cannot be seen: connect to the"
              + " primary",
          "25006");
    }
  }

  /**
   * From PostgreSQL 18 on, a role without the right to see the last position reads null, as if none
   * was drawn.
   */
  private static final class HiddenSequenceException extends SQLException {
    private static final long serialVersionUID = 1L;

    HiddenSequenceException(String sequence) {
      super(
          "the role may not look at the last position that was drawn, so it would see no event: grant select on sequence %s"
              .formatted(sequence),
          "42501");
    }
  }
}
