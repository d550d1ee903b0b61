package dev.pgeventstore.testkit.servers;

import java.sql.SQLException;
import java.util.Map;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/** The server that all tests of a process share, with the database that is copied for each test. */
final class SharedPostgres implements AutoCloseable {

  // Tests of crashes start their own servers, so this one need not flush.
  private static final Map<String, String> SETTINGS =
      Map.of("fsync", "off", "full_page_writes", "off", "max_connections", "600");

  private final PostgresServer server = PostgresServer.startShared(SETTINGS);
  private @Nullable Database template;

  PostgresServer server() {
    return server;
  }

  DroppedAtTheEnd emptyDatabase() {
    return new DroppedAtTheEnd(server, server.createDatabase());
  }

  DroppedAtTheEnd filledDatabase() {
    return new DroppedAtTheEnd(server, server.copyDatabase(template()));
  }

  private synchronized Database template() {
    if (template == null) {
      Database filled = server.createDatabase();
      try {
        for (DatabaseTemplate each : ServiceLoader.load(DatabaseTemplate.class)) {
          each.fill(filled);
        }
      } catch (SQLException e) {
        throw new IllegalStateException("the database that tests copy cannot be filled", e);
      }
      template = filled;
    }
    return template;
  }

  @Override
  public synchronized void close() {
    if (template != null) {
      server.drop(template);
    }
    server.close();
  }

  /** The database of one test, or of one class of tests. */
  record DroppedAtTheEnd(PostgresServer server, Database database) implements AutoCloseable {

    @Override
    public void close() {
      server.drop(database);
    }
  }
}
