package dev.pgeventstore.kafka;

import dev.pgeventstore.testkit.servers.Database;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/**
 * All that a store had at some time, to be brought back as a restored copy would: rows, and the
 * sequence. Whatever knows the store must be opened anew, as after the restart that goes with it.
 */
final class OlderState {

  private static final String SEQUENCE = "eventstore.events_position_seq";

  private final Database database;
  private final String schema;

  private OlderState(Database database, String schema) {
    this.database = database;
    this.schema = schema;
  }

  static OlderState of(Database database) throws SQLException {
    OlderState state = new OlderState(database, "older_" + System.nanoTime());
    try (Connection connection = database.open();
        Statement statement = connection.createStatement()) {
      connection.setAutoCommit(false);
      statement.execute("create schema " + state.schema);
      for (String table : tables(statement)) {
        statement.execute(
            "create table %s.%s as table eventstore.%s".formatted(state.schema, table, table));
      }
      statement.execute(
          "create table %s.sequence as select last_value, is_called from %s"
              .formatted(state.schema, SEQUENCE));
      connection.commit();
    }
    return state;
  }

  void putBack() throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement()) {
      connection.setAutoCommit(false);
      statement.execute("set local session_replication_role = replica");
      for (String table : tables(statement)) {
        statement.execute("delete from eventstore." + table);
        statement.execute(
            "insert into eventstore.%s overriding system value table %s.%s"
                .formatted(table, schema, table));
      }
      statement.execute(
          "select setval('%s', last_value, is_called) from %s.sequence"
              .formatted(SEQUENCE, schema));
      // As a start of the server does.
      statement.execute("delete from eventstore.incarnations");
      connection.commit();
    }
  }

  private static List<String> tables(Statement statement) throws SQLException {
    List<String> tables = new ArrayList<>();
    try (ResultSet rows =
        statement.executeQuery(
            "select tablename from pg_tables where schemaname = 'eventstore'"
                + " and tablename not in ('incarnations', 'schema_history')")) {
      while (rows.next()) {
        tables.add(rows.getString(1));
      }
    }
    return tables;
  }
}
