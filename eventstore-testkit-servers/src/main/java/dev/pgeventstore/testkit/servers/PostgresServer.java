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
 * A real PostgreSQL server on 127.0.0.1. System properties choose the server:
 *
 * <ul>
 *   <li>{@code pg.url}: a server that already runs, given by the JDBC address for a superuser;
 *   <li>{@code eventstore.servers=testcontainers}: a container with the image that {@code
 *       testcontainers.image} names (default {@code postgres:18});
 *   <li>otherwise, a server from embedded binaries, which any user can start, even root. Its data
 *       is in a temporary folder on disk, and is flushed as in production.
 * </ul>
 *
 * <p>Safe for many threads, except for killing and restarting.
 */
public abstract class PostgresServer implements AutoCloseable {

  private static final AtomicInteger DATABASES = new AtomicInteger();

  /**
   * Both wait until every backend of the server has responded, and so for ever if one of them is
   * stuck.
   */
  private static final int SECONDS_TO_CREATE_OR_DROP = 180;

  private @Nullable Boolean copiesFiles;

  /** For the implementations in this package. */
  PostgresServer() {}

  /**
   * Starts a server, or takes the one that already runs.
   *
   * @return the server
   */
  public static PostgresServer start() {
    return start(Map.of());
  }

  /**
   * Starts a server with the given settings.
   *
   * @param settings the settings, named as in postgresql.conf; a server that already runs ignores
   *     them
   * @return the server
   */
  public static PostgresServer start(Map<String, String> settings) {
    return start(settings, null);
  }

  /** Starts a server whose data need not outlive this process, or takes the one that runs. */
  static PostgresServer startShared(Map<String, String> settings) {
    return start(settings, TemporaryFolder.cheapest());
  }

  private static PostgresServer start(Map<String, String> settings, @Nullable Path parent) {
    String url = System.getProperty("pg.url", "");
    if (!url.isBlank()) {
      return new RunningPostgres(url);
    }
    if ("testcontainers".equals(System.getProperty("eventstore.servers"))) {
      return new ContainerPostgres(settings);
    }
    return new EmbeddedPostgresServer(settings, parent);
  }

  /**
   * Starts a server from embedded binaries that keeps its data in a given folder.
   *
   * @param disk an existing folder, in which the server creates its own
   * @param settings the settings, named as in postgresql.conf
   * @return the server
   */
  public static PostgresServer startOn(Path disk, Map<String, String> settings) {
    return new EmbeddedPostgresServer(settings, disk);
  }

  /**
   * The JDBC address of a database, for the superuser.
   *
   * @param database the name of the database
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

  /** Creates a copy of another database, which must have no connections. */
  Database copyDatabase(Database template) {
    String name = unusedName();
    // To copy files, the server flushes everything first, which is cheap for a server without
    // fsync.
    execute(
        "create database %s template %s%s"
            .formatted(name, template.name(), copiesFiles() ? " strategy file_copy" : ""));
    return new Database(url(name));
  }

  /**
   * Drops a database, and ends all remaining connections to it.
   *
   * @param database one that {@link #createDatabase} made; if it is gone, nothing is done
   */
  public void drop(Database database) {
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
      statement.setQueryTimeout(SECONDS_TO_CREATE_OR_DROP);
      statement.execute(sql);
    } catch (SQLException e) {
      throw new IllegalStateException(
          "cannot %s: %s%nThe backends of the server:%n%s"
              .formatted(sql, e.getMessage(), backends()),
          e);
    }
  }

  private String backends() {
    try (Connection connection = new Database(url("postgres")).open();
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                """
                select string_agg(concat_ws(' ', pid, datname, application_name, backend_type, state,
                                            wait_event_type, wait_event, query), chr(10))
                  from pg_stat_activity
                """)) {
      row.next();
      return row.getString(1);
    } catch (SQLException e) {
      return "unknown: " + e.getMessage();
    }
  }

  /**
   * Whether {@link #killHard} and {@link #restart} can be called. They cannot be called for a
   * server that was running before.
   *
   * @return true if this class started the server
   */
  public abstract boolean canBeKilled();

  /**
   * Kills the server and all its backends with SIGKILL, and waits until they are gone. Data that
   * was not flushed is lost.
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

  /** Stops the server and deletes its data. A server that was running before keeps running. */
  @Override
  public abstract void close();
}
