package dev.pgeventstore.benchmarks;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;

/** A database with a store in it, and the plain table beside that. */
final class Stage implements AutoCloseable {

  private static final String SCHEMA = "eventstore";

  private final Database database;
  private final HikariDataSource pool;
  private final HikariDataSource plain;
  private final JacksonCodec codec = JacksonCodec.of(EventTypes.of(Parcel.class));
  private final PostgresEventStore store;

  Stage(PostgresServer server) throws SQLException {
    database = server.createDatabase();
    pool = pool();
    plain = pool();
    store = PostgresEventStore.builder(pool).schema(SCHEMA).codec(codec).build();
    try (Connection connection = open()) {
      PlainTable.create(connection, SCHEMA);
    }
  }

  private HikariDataSource pool() {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(database.url());
    // The largest crew, and what the store holds for itself. Opened when needed: in the warm-up.
    config.setMaximumPoolSize(40);
    config.setMinimumIdle(0);
    return new HikariDataSource(config);
  }

  PostgresEventStore store() {
    return store;
  }

  JacksonCodec codec() {
    return codec;
  }

  /**
   * A connection of plain JDBC, in auto-commit mode. From a pool, so that its prepared statements
   * outlive a round, as the store's do.
   */
  Connection open() throws SQLException {
    return plain.getConnection();
  }

  void fillPlainTable() throws SQLException {
    try (Connection connection = open()) {
      PlainTable.fill(connection, SCHEMA);
    }
  }

  void analyze() throws SQLException {
    try (Connection connection = open();
        Statement statement = connection.createStatement()) {
      statement.execute("vacuum analyze " + SCHEMA + ".events");
    }
  }

  @Override
  public void close() {
    store.close();
    pool.close();
    plain.close();
  }
}
