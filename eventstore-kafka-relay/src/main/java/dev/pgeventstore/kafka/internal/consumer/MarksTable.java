package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.kafka.consumer.MarkHeldException;
import dev.pgeventstore.kafka.consumer.Place;
import dev.pgeventstore.kafka.consumer.SequenceId;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The marks of consumers: every statement that reads or writes them is in this file, but those that
 * ask for the holder of one ({@link MarkHolderQuery}). Statements are what makes it long.
 */
public final class MarksTable {

  public static final String DEFAULT_NAME = "relay_marks";

  private static final String DDL_FILE = "/dev/pgeventstore/kafka/consumer/relay_marks.sql";
  private static final String NO_SUCH_TABLE = "42P01";
  private static final Pattern PLAIN_NAME =
      Pattern.compile("[a-z_][a-z0-9_]*(\\.[a-z_][a-z0-9_]*)?");

  static final String KEY =
      """
       where consumer_group = ?
         and topic = ?
         and partition = ?
         and relay = ?
         and lane = ?
      """;

  // Waiting for a mark must have an end. The handler's statements, which come after it, have the
  // limit that the role or the connection says: so it is kept, and set back.
  private static final String LIMIT_WAITING =
      """
      select pg_catalog.set_config(
               'pgeventstore.lock_timeout', pg_catalog.current_setting('lock_timeout'), true),
             pg_catalog.set_config('lock_timeout', ?, true);
      """;

  private static final String END_OF_LIMIT =
      """
      ;
      select pg_catalog.set_config(
               'lock_timeout', pg_catalog.current_setting('pgeventstore.lock_timeout'), true)
      """;

  // Of two consumers that both think the partition theirs the second waits here, and then finds
  // what the first has committed.
  private static final String LOCK =
      """
      select position, record_index
        from relay_marks
      """
          + KEY
          + """
         for update
      """;

  // There is nothing to lock before the first record. The second consumer waits for the first here.
  private static final String BEGIN =
      """
      insert into relay_marks (consumer_group, topic, partition, relay, lane, position, record_index)
      values (?, ?, ?, ?, ?, 0, 0)
      on conflict do nothing
      """;

  // Comparing costs nothing, and holds where a handler has ended the transaction, and its lock.
  private static final String MOVE =
      """
      update relay_marks
         set position = ?,
             record_index = ?,
             updated_at = clock_timestamp()
      """
          + KEY
          + """
         and position = ?
         and record_index = ?
      """;

  // Whatever it was before.
  private static final String SET =
      """
      insert into relay_marks (consumer_group, topic, partition, relay, lane, position, record_index)
      values (?, ?, ?, ?, ?, ?, ?)
      on conflict (consumer_group, topic, partition, relay, lane) do update
         set position = excluded.position,
             record_index = excluded.record_index,
             updated_at = clock_timestamp()
      """;

  private static final String ALL =
      """
      select topic, partition, relay, lane, position, record_index
        from relay_marks
       where consumer_group = ?
      """;

  private static final String LOCK_TIMEOUT = "55P03";

  /** The role's statement time-out may be shorter than the wait. */
  private static final Set<String> WAITED = Set.of(LOCK_TIMEOUT, "57014");

  private final String group;
  private final String name;
  private final String lock;
  private final String begin;
  private final String move;
  private final String set;
  private final String all;

  public MarksTable(String group, String name) {
    if (!PLAIN_NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "a table is named in lower case letters, digits and _, with or without a schema, not '%s'"
              .formatted(name));
    }
    this.group = group;
    this.name = name;
    this.lock = named(LOCK);
    this.begin = named(BEGIN);
    this.move = named(MOVE);
    this.set = named(SET);
    this.all = named(ALL);
  }

  private SQLException explained(SQLException e) {
    return NO_SUCH_TABLE.equals(e.getSQLState())
        ? new SQLException(
            "table %s is not there: create it by WatermarkInbox.createTable, or by a migration with WatermarkInbox.ddl() (%s)"
                .formatted(name, e.getMessage()),
            NO_SUCH_TABLE,
            e)
        : e;
  }

  String named(String sql) {
    return sql.replace(DEFAULT_NAME, name);
  }

  public String ddl() {
    try (InputStream file = MarksTable.class.getResourceAsStream(DDL_FILE)) {
      if (file == null) {
        throw new IllegalStateException(DDL_FILE + " is not on the class path");
      }
      return named(new String(file.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(DDL_FILE + " cannot be read", e);
    }
  }

  public void create(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(ddl());
    }
  }

  /** Other databases know some of the statements, and wait for locks as long as they like. */
  static boolean isPostgres(Connection connection) throws SQLException {
    return connection.getMetaData().getDatabaseProductName().equals("PostgreSQL");
  }

  static boolean isLockTimeout(SQLException e) {
    return LOCK_TIMEOUT.equals(e.getSQLState());
  }

  /**
   * Locks a mark until the transaction ends; it is made if there is none.
   *
   * @param atMost how long to wait, on PostgreSQL
   * @throws MarkHeldException if that was not long enough
   */
  public Place lock(Connection connection, SequenceId sequence, Duration atMost)
      throws SQLException {
    boolean limits = isPostgres(connection);
    try {
      Optional<Place> mark = lockExisting(connection, sequence, atMost, limits);
      if (mark.isPresent()) {
        return mark.get();
      }
      begin(connection, sequence, atMost, limits);
      return lockExisting(connection, sequence, atMost, limits)
          .orElseThrow(() -> new IllegalStateException("the mark of " + sequence + " went away"));
    } catch (SQLException e) {
      if (WAITED.contains(Objects.requireNonNullElse(e.getSQLState(), ""))) {
        throw new MarkHeldException(sequence, Optional.empty(), e);
      }
      throw e;
    }
  }

  private Optional<Place> lockExisting(
      Connection connection, SequenceId sequence, Duration atMost, boolean limits)
      throws SQLException {
    try (PreparedStatement statement = prepare(connection, lock, sequence, atMost, limits)) {
      try (ResultSet row = rowsOf(statement, limits)) {
        return row.next() ? Optional.of(Place.of(row.getLong(1), row.getInt(2))) : Optional.empty();
      }
    } catch (SQLException e) {
      throw explained(e);
    }
  }

  private void begin(Connection connection, SequenceId sequence, Duration atMost, boolean limits)
      throws SQLException {
    try (PreparedStatement statement = prepare(connection, begin, sequence, atMost, limits)) {
      statement.execute();
    }
  }

  PreparedStatement prepare(
      Connection connection, String sql, SequenceId sequence, Duration atMost, boolean limits)
      throws SQLException {
    if (!limits) {
      PreparedStatement statement = connection.prepareStatement(sql);
      setKey(statement, 1, sequence);
      return statement;
    }
    PreparedStatement statement =
        connection.prepareStatement(LIMIT_WAITING + sql.strip() + END_OF_LIMIT);
    // Zero would be no limit.
    statement.setString(1, Math.max(1, Durations.millis(atMost)) + "ms");
    setKey(statement, 2, sequence);
    return statement;
  }

  /** Those of the second statement, of three, or of the only one. */
  static ResultSet rowsOf(PreparedStatement statement, boolean limits) throws SQLException {
    statement.execute();
    if (limits) {
      statement.getMoreResults();
    }
    return statement.getResultSet();
  }

  /** Moves a mark that was locked, and still is where it was. */
  public void move(Connection connection, SequenceId sequence, Place from, Place to)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(move)) {
      setPlace(statement, 1, to);
      setKey(statement, 3, sequence);
      setPlace(statement, 8, from);
      if (statement.executeUpdate() != 1) {
        throw new IllegalStateException(
            "the mark of %s is no longer at %s: was the transaction ended by the handler?"
                .formatted(sequence, from));
      }
    }
  }

  /** Sets a mark, whatever it was. */
  public void set(Connection connection, SequenceId sequence, Place to) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(set)) {
      setKey(statement, 1, sequence);
      setPlace(statement, 6, to);
      statement.executeUpdate();
    } catch (SQLException e) {
      throw explained(e);
    }
  }

  public Map<SequenceId, Place> all(Connection connection) throws SQLException {
    Map<SequenceId, Place> marks = new HashMap<>();
    try (PreparedStatement statement = connection.prepareStatement(all)) {
      statement.setString(1, group);
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          marks.put(
              new SequenceId(row.getString(3), row.getInt(4), row.getString(1), row.getInt(2)),
              Place.of(row.getLong(5), row.getInt(6)));
        }
      }
    } catch (SQLException e) {
      throw explained(e);
    }
    return marks;
  }

  private void setKey(PreparedStatement statement, int first, SequenceId sequence)
      throws SQLException {
    statement.setString(first, group);
    statement.setString(first + 1, sequence.topic());
    statement.setInt(first + 2, sequence.partition());
    statement.setString(first + 3, sequence.relay());
    statement.setInt(first + 4, sequence.lane());
  }

  private static void setPlace(PreparedStatement statement, int first, Place place)
      throws SQLException {
    statement.setLong(first, place.position().value());
    statement.setInt(first + 1, place.index());
  }
}
