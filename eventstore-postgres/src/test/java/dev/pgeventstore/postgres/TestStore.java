package dev.pgeventstore.postgres;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.testkit.servers.Database;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.UnaryOperator;

/** A store of raw events in a database of its own, with a pool as an application has one. */
final class TestStore implements AutoCloseable {

  final Database database;
  final HikariDataSource pool;
  final PostgresEventStore store;

  TestStore(Database database) {
    this(database, 20, builder -> builder);
  }

  TestStore(Database database, int connections, UnaryOperator<PostgresEventStore.Builder> options) {
    this.database = database;
    HikariConfig config = new HikariConfig();
    config.setDataSource(database.dataSource());
    config.setMaximumPoolSize(connections);
    config.setMinimumIdle(0);
    pool = new HikariDataSource(config);
    try {
      store =
          options
              .apply(PostgresEventStore.builder(pool).codec(JacksonCodec.of(EventTypes.none())))
              .build();
    } catch (RuntimeException | Error e) {
      pool.close();
      throw e;
    }
  }

  static NewEvent event(String type) {
    return NewEvent.of(EncodedEvent.of(type, 1, "{}")).withId(UUID.randomUUID());
  }

  static EncodedEvent raw(String type) {
    return EncodedEvent.of(type, 1, "{}");
  }

  AppendResult append(String stream) {
    return store.append(StreamId.parse(stream), ExpectedVersion.any(), List.of(raw("happened")));
  }

  AppendResult append(String stream, Connection connection) {
    return store
        .within(connection)
        .append(StreamId.parse(stream), ExpectedVersion.any(), List.of(raw("happened")));
  }

  /** Streams of all settled events, in the global order. */
  List<String> settled() {
    return settledAfter(Position.START).stream().map(e -> e.stream().toString()).toList();
  }

  List<RecordedEvent> settledAfter(Position start) {
    List<RecordedEvent> events = new ArrayList<>();
    EventPage page;
    Position after = start;
    do {
      page = store.readPage(after, 1_000);
      events.addAll(page.events());
      after = page.upTo();
    } while (!page.isLast());
    return events;
  }

  Connection begin() throws SQLException {
    return begin(database);
  }

  static Connection begin(Database database) throws SQLException {
    Connection connection = database.open();
    connection.setAutoCommit(false);
    return connection;
  }

  void execute(String sql) throws SQLException {
    try (Connection connection = database.open()) {
      execute(connection, sql);
    }
  }

  static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  String query(String sql) throws SQLException {
    try (Connection connection = database.open()) {
      return query(connection, sql);
    }
  }

  static String query(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getString(1);
    }
  }

  @Override
  public void close() {
    store.close();
    pool.close();
  }
}
