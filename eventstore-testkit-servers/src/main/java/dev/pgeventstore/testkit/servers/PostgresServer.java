package dev.pgeventstore.testkit.servers;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A real PostgreSQL server on 127.0.0.1. Which one is told by system properties:
 *
 * <ul>
 *   <li>{@code pg.url}: one that already runs, given by the JDBC address of a superuser;
 *   <li>{@code eventstore.servers=testcontainers}: a container, of the image named by {@code
 *       testcontainers.image} (default {@code postgres:18});
 *   <li>otherwise one from embedded binaries, as any user, root too. Its data is on disk and
 *       flushed like a real server's, in a temporary folder.
 * </ul>
 *
 * <p>Safe for many threads, except for killing and restarting.
 */
public abstract class PostgresServer implements AutoCloseable {

  private static final AtomicInteger DATABASES = new AtomicInteger();

  private @Nullable Boolean copiesFiles;

  /** For the kinds of servers. */
  PostgresServer() {}

  /**
   * Starts a server, or connects to the one that runs.
   *
   * @return the server
   */
  public static PostgresServer start() {
    return start(Map.of());
  }

  /**
   * Starts a server with settings of its own.
   *
   * @param settings by the names of postgresql.conf; a server that already runs ignores them
   * @return the server
   */
  public static PostgresServer start(Map<String, String> settings) {
    String url = System.getProperty("pg.url", "");
    if (!url.isBlank()) {
      return new RunningPostgres(url);
    }
    if ("testcontainers".equals(System.getProperty("eventstore.servers"))) {
      return new ContainerPostgres(settings);
    }
    return new EmbeddedPostgresServer(settings, null);
  }

  /**
   * Starts a server from embedded binaries that keeps its data on a disk of the caller's.
   *
   * @param disk an existing folder, on which a folder is made
   * @param settings by the names of postgresql.conf
   * @return the server
   */
  public static PostgresServer startOn(Path disk, Map<String, String> settings) {
    return new EmbeddedPostgresServer(settings, disk);
  }

  /**
   * The JDBC address of a database, for the superuser.
   *
   * @param database its name
   * @return the address, with user and password if one is needed
   */
  public abstract String url(String database);

  /**
   * Creates an empty database.
   *
   * @return the database
   */
  public Database createDatabase() {
    String name = unusedName();
    execute("create database " + name);
    return new Database(url(name));
  }

  /** Creates a database that holds what another one holds, to which nobody is connected. */
  Database copyDatabase(Database template) {
    String name = unusedName();
    // Copying files makes the server flush all it has, which is cheap for one that flushes nothing.
    execute(
        "create database %s template %s%s"
            .formatted(name, template.name(), copiesFiles() ? " strategy file_copy" : ""));
    return new Database(url(name));
  }

  /** Drops a database, and ends the connections to it that are left. */
  void dropDatabase(Database database) {
    execute("drop database if exists %s with (force)".formatted(database.name()));
  }

  private static String unusedName() {
    return "db_" + Long.toString(System.nanoTime(), 36) + '_' + DATABASES.incrementAndGet();
  }

  private synchronized boolean copiesFiles() {
    if (copiesFiles == null) {
      try (Connection connection = new Database(url("postgres")).open();
          Statement statement = connection.createStatement();
          ResultSet row =
              statement.executeQuery(
                  """
                  select current_setting('fsync') = 'off'
                     and current_setting('server_version_num')::int >= 150000
                  """)) {
        row.next();
        copiesFiles = row.getBoolean(1);
      } catch (SQLException e) {
        throw new IllegalStateException("the server does not tell its settings", e);
      }
    }
    return copiesFiles;
  }

  private void execute(String sql) {
    try (Connection connection = new Database(url("postgres")).open();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException e) {
      throw new IllegalStateException("cannot %s: %s".formatted(sql, e.getMessage()), e);
    }
  }

  /**
   * Whether {@link #killHard} and {@link #restart} can be called: not for a server that was running
   * before.
   *
   * @return true for servers that were started here
   */
  public abstract boolean canBeKilled();

  /**
   * Kills the server and all its backends with SIGKILL, and waits until they are gone: what was not
   * flushed is lost.
   *
   * @throws UnsupportedOperationException if it was running before
   */
  public abstract void killHard();

  /**
   * Starts the server again, on the same data and the same port, after it was killed or stopped.
   *
   * @throws UnsupportedOperationException if it was running before
   */
  public abstract void restart();

  /** Stops the server and deletes its data. One that was running before goes on. */
  @Override
  public abstract void close();
}
