package dev.pgeventstore.benchmarks;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.atomic.AtomicLong;

/** A database with a store, and with the plain table beside it. */
final class Stage implements AutoCloseable {

  static final String SCHEMA = "eventstore";

  /** The store needs few connections, however many writers there are. */
  static final int STORE_POOL = 10;

  private final Database database;
  private final HikariDataSource pool;
  private final HikariDataSource plain;
  private final JacksonCodec codec = JacksonCodec.of(EventTypes.of(Parcel.class));
  private final PostgresEventStore store;
  private final AtomicLong streams = new AtomicLong();

  Stage(PostgresServer server) throws SQLException {
    database = server.createDatabase();
    pool = pool(database.url(), STORE_POOL);
    plain = pool(database.url(), AppendWorks.MOST_WRITERS);
    store = PostgresEventStore.builder(pool).schema(SCHEMA).codec(codec).build();
    try (Connection connection = open()) {
      PlainTable.create(connection, SCHEMA);
    }
  }

  static HikariDataSource pool(String url, int most) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(url);
    // Connections are opened when they are needed, which is during the warm-up.
    config.setMaximumPoolSize(most);
    config.setMinimumIdle(0);
    return new HikariDataSource(config);
  }

  PostgresEventStore store() {
    return store;
  }

  /** Another store over the same tables and the same pool, to be closed before this stage. */
  PostgresEventStore newStore(StoreListener listener) {
    return PostgresEventStore.builder(pool).schema(SCHEMA).codec(codec).listener(listener).build();
  }

  JacksonCodec codec() {
    return codec;
  }

  String url() {
    return database.url();
  }

  /** A stream without events. */
  StreamId newStream() {
    return StreamId.of("parcel", Long.toString(streams.incrementAndGet()));
  }

  /**
   * Opens a connection of plain JDBC, in auto-commit mode. It comes from a pool, so that its
   * prepared statements outlive a round, as the store's do.
   */
  Connection open() throws SQLException {
    return plain.getConnection();
  }

  /** The number of connections of the store's pool that are in use. */
  int connectionsInUse() {
    return pool.getHikariPoolMXBean().getActiveConnections();
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
      statement.execute("vacuum analyze " + SCHEMA + ".streams");
    }
  }

  @Override
  public void close() {
    store.close();
    pool.close();
    plain.close();
  }
}
