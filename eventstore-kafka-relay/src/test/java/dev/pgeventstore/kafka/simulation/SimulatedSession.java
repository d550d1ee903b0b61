package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.kafka.simulation.SimulatedMarks.At;
import dev.pgeventstore.kafka.simulation.SimulatedMarks.Transaction;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.Executor;

/**
 * A connection to {@link SimulatedMarks}. It knows the statements of the consumer and of the
 * handlers, and what conditions they have: one that is left out of the text is left out here.
 */
public final class SimulatedSession {

  private static final String WRITES = "insert into effects values (?)";
  private static final int KEY = 5;

  private final SimulatedMarks database;
  private final SimulatedScheduler scheduler;
  private final SimulatedScheduler.Node process;
  private Transaction transaction = new Transaction();
  private boolean autoCommit = true;
  private boolean broken;
  private boolean closed;
  private String lentTo = "";

  SimulatedSession(SimulatedMarks database, SimulatedScheduler.Node process) {
    this.database = database;
    this.scheduler = database.scheduler;
    this.process = process;
  }

  SimulatedScheduler.Node process() {
    return process;
  }

  boolean isBroken() {
    return broken;
  }

  void breakDown() {
    broken = true;
    transaction = new Transaction();
    database.ended(this);
  }

  void requireWell() throws SQLException {
    if (closed) {
      throw new SQLException("the connection is closed", "08003");
    }
    if (broken) {
      throw SimulatedMarks.lost("the connection is lost", "08006");
    }
  }

  private void request() throws SQLException {
    scheduler.point();
    if (!broken && scheduler.oneIn(database.breakOneIn)) {
      scheduler.note("a connection breaks");
      breakDown();
    }
    requireWell();
    if (!transaction.hasBegun) {
      transaction.hasBegun = true;
      transaction.isReadOnly = database.isReadOnly();
    }
  }

  // java.sql.Connection

  public boolean getAutoCommit() throws SQLException {
    requireWell();
    return autoCommit;
  }

  public void setAutoCommit(boolean on) throws SQLException {
    requireWell();
    if (on && !transaction.effects.isEmpty()) {
      commit();
    }
    autoCommit = on;
  }

  public void commit() throws SQLException {
    request();
    database.commit(this, transaction);
    over();
    if (scheduler.oneIn(database.breakOneIn)) {
      scheduler.note("the answer to a commit is lost");
      breakDown();
    }
    scheduler.point();
    requireWell();
  }

  public void rollback() throws SQLException {
    request();
    over();
    database.release(this);
  }

  private void over() {
    transaction = new Transaction();
    lentTo = "";
  }

  public boolean isClosed() {
    return closed || broken;
  }

  public boolean isValid(int seconds) {
    return !isClosed();
  }

  public boolean isReadOnly() {
    return false;
  }

  public boolean isWrapperFor(Class<?> type) {
    return false;
  }

  public void abort(Executor executor) {
    breakDown();
  }

  public void close() {
    closed = true;
    database.ended(this);
  }

  public DatabaseMetaData getMetaData() {
    return SimulatedClients.only(DatabaseMetaData.class, new Product());
  }

  public PreparedStatement prepareStatement(String sql) {
    return SimulatedClients.only(PreparedStatement.class, new Prepared(sql));
  }

  /** Which database it is. */
  public static final class Product {
    public String getDatabaseProductName() {
      return "PostgreSQL";
    }
  }

  /** One row, or none. */
  public static final class Row {
    private final List<?> values;
    private boolean isRead;

    Row(List<?> values) {
      this.values = values;
    }

    public boolean next() {
      boolean isThere = !isRead && !values.isEmpty();
      isRead = true;
      return isThere;
    }

    public long getLong(int column) {
      return ((Number) values.get(column - 1)).longValue();
    }

    public int getInt(int column) {
      return ((Number) values.get(column - 1)).intValue();
    }

    public boolean getBoolean(int column) {
      return (Boolean) values.get(column - 1);
    }

    public void close() {}
  }

  /** A statement. */
  public final class Prepared {

    private final String sql;
    private final SortedMap<Integer, Object> parameters = new TreeMap<>();
    private List<?> answer = List.of();

    Prepared(String sql) {
      this.sql = sql;
    }

    public void setString(int index, String value) {
      parameters.put(index, value);
    }

    public void setInt(int index, int value) {
      parameters.put(index, value);
    }

    public void setLong(int index, long value) {
      parameters.put(index, value);
    }

    public void setQueryTimeout(int seconds) {}

    public boolean getMoreResults() {
      return true;
    }

    public ResultSet getResultSet() {
      return SimulatedClients.only(ResultSet.class, new Row(answer));
    }

    public ResultSet executeQuery() throws SQLException {
      execute();
      return getResultSet();
    }

    public int executeUpdate() throws SQLException {
      execute();
      return answer.size();
    }

    public void close() {}

    public boolean execute() throws SQLException {
      request();
      if (sql.contains("holders as (")) {
        answer = List.of();
      } else if (sql.startsWith("set local pgeventstore.lent_to")) {
        lentTo = sql.replaceAll("[^']*'([^']*)'.*", "$1");
      } else if (sql.contains("current_setting('pgeventstore.lent_to'")) {
        answer = List.of(lentTo.equals(parameters.get(1)));
      } else if (sql.contains("transaction_read_only")) {
        answer = List.of(!transaction.isReadOnly);
      } else if (sql.contains("select position, record_index")) {
        answer = select();
      } else if (sql.contains("insert into relay_marks")) {
        begin();
      } else if (sql.contains("update relay_marks")) {
        answer = move();
      } else if (sql.equals(WRITES)) {
        requireWritable();
        transaction.effects.add(parameters.get(1).toString());
      } else {
        throw scheduler.fail(new AssertionError("the simulation does not know: " + sql));
      }
      return true;
    }

    private void requireWritable() throws SQLException {
      if (transaction.isReadOnly) {
        throw new SQLException("cannot execute this in a read-only transaction", "25006");
      }
    }

    private List<Object> key(int first) {
      return List.copyOf(parameters.subMap(first, first + KEY).values());
    }

    /** The limit of waiting, if the statement sets one. */
    private long patience() {
      return sql.contains("set_config('lock_timeout', ?")
          ? Long.parseLong(parameters.get(1).toString().replace("ms", "")) * 1_000_000
          : Long.MAX_VALUE;
    }

    private List<?> select() throws SQLException {
      List<Object> key = key(2);
      At found = database.mark(transaction, key);
      if (found != null && sql.contains("for update")) {
        requireWritable();
        database.lock(SimulatedSession.this, key, patience());
        found = database.mark(transaction, key);
      }
      return found == null ? List.of() : List.of(found.position(), found.index());
    }

    private void begin() throws SQLException {
      requireWritable();
      List<Object> key = key(2);
      if (database.mark(transaction, key) == null) {
        database.lock(SimulatedSession.this, key, patience());
        if (database.mark(transaction, key) == null) {
          transaction.marks.put(key, At.START);
        }
      }
    }

    /** Under read committed, the row is looked at again when its lock was waited for. */
    private List<?> move() throws SQLException {
      requireWritable();
      List<Object> key = key(3);
      database.lock(SimulatedSession.this, key, patience());
      At was = database.mark(transaction, key);
      boolean matches =
          was != null
              && (!sql.contains("and position = ?") || parameter(8) == was.position())
              && (!sql.contains("and record_index = ?") || parameter(9) == was.index());
      if (matches) {
        transaction.marks.put(key, new At(parameter(1), (int) parameter(2)));
      }
      return matches ? List.of(1) : List.of();
    }

    private long parameter(int index) {
      return ((Number) parameters.get(index)).longValue();
    }
  }

  /** What a handler does. */
  static void write(Connection connection, String effect) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(WRITES)) {
      statement.setString(1, effect);
      statement.executeUpdate();
    }
  }
}
