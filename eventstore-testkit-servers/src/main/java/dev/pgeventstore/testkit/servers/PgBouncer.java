package dev.pgeventstore.testkit.servers;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * A PgBouncer in transaction mode on 127.0.0.1, in front of a database: many clients share a few
 * server connections, each for the length of a transaction. It runs as a process of its own, from
 * the program that is installed on this machine.
 */
public final class PgBouncer implements AutoCloseable {

  private static final Duration TO_START = Duration.ofSeconds(30);

  private static final String CONFIGURATION =
      """
      [databases]
      * = host=%1$s port=%2$d user=%3$s%4$s
      [pgbouncer]
      listen_addr = 127.0.0.1
      listen_port = %5$d
      unix_socket_dir =
      auth_type = any
      pool_mode = transaction
      default_pool_size = %6$d
      max_client_conn = 1000
      # The driver sets it in every connection, always to the same.
      ignore_startup_parameters = extra_float_digits
      """;

  private final int port = FreePort.find();
  private final Path folder;
  private final Process process;
  private final Database behind;

  private PgBouncer(Database database, int connections) {
    try {
      folder = Files.createTempDirectory("eventstore-pgbouncer");
      Runtime.getRuntime().addShutdownHook(new Thread(this::close, "eventstore-pgbouncer-stop"));
      PGSimpleDataSource server = new PGSimpleDataSource();
      server.setUrl(database.url());
      behind =
          new Database(
              "jdbc:postgresql://127.0.0.1:%d/%s?user=%s&prepareThreshold=0"
                  .formatted(port, server.getDatabaseName(), server.getUser()));
      process = launch(server, connections);
    } catch (IOException e) {
      throw new UncheckedIOException("PgBouncer cannot be started: " + e.getMessage(), e);
    }
    awaitStarted();
  }

  /**
   * Starts a pooler.
   *
   * @param database the database behind the pooler
   * @param connections how many server connections the clients share
   * @return the running pooler
   * @throws IllegalStateException if PgBouncer is not installed, or does not start
   */
  public static PgBouncer start(Database database, int connections) {
    return new PgBouncer(database, connections);
  }

  /**
   * Whether PgBouncer is installed.
   *
   * @return true if {@code pgbouncer} is on the path, or in the folder where distributions install
   *     it
   */
  public static boolean isInstalled() {
    return program().isPresent();
  }

  private static Optional<Path> program() {
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    return Stream.concat(
            Stream.of(path.split(File.pathSeparator)), Stream.of("/usr/sbin", "/usr/local/sbin"))
        .filter(folder -> !folder.isEmpty())
        .map(folder -> Path.of(folder, "pgbouncer"))
        .filter(Files::isExecutable)
        .findFirst();
  }

  private Process launch(PGSimpleDataSource server, int connections) throws IOException {
    Path program =
        program().orElseThrow(() -> new IllegalStateException("pgbouncer is not installed"));
    String password = server.getPassword();
    Path configuration = folder.resolve("pgbouncer.ini");
    Files.writeString(
        configuration,
        CONFIGURATION.formatted(
            server.getServerNames()[0],
            server.getPortNumbers()[0],
            server.getUser(),
            password == null ? "" : " password=" + password,
            port,
            connections));
    List<String> command = new ArrayList<>(List.of(program.toString()));
    if (System.getProperty("user.name").equals("root")) {
      // PgBouncer refuses to run as root. After its start, it needs no file of the current user
      // that it has not already opened.
      command.addAll(List.of("-u", "nobody"));
    }
    command.add(configuration.toString());
    return new ProcessBuilder(command)
        .directory(folder.toFile())
        .redirectErrorStream(true)
        .redirectOutput(log().toFile())
        .start();
  }

  private Path log() {
    return folder.resolve("output.txt");
  }

  private void awaitStarted() {
    long deadline = System.nanoTime() + TO_START.toNanos();
    while (true) {
      try (Connection connection = behind.open()) {
        connection.isValid(5);
        return;
      } catch (SQLException e) {
        if (!process.isAlive() || System.nanoTime() > deadline) {
          String output = output();
          close();
          throw new IllegalStateException("PgBouncer does not run; its log:\n" + output, e);
        }
      }
      try {
        TimeUnit.MILLISECONDS.sleep(20);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while PgBouncer was starting", e);
      }
    }
  }

  /**
   * The database through the pooler. Its address has {@code prepareThreshold=0}, because PgBouncer
   * before 1.21 does not support the driver's prepared statements.
   *
   * @return the same database at another address
   */
  public Database database() {
    return behind;
  }

  /**
   * What the pooler has logged so far.
   *
   * @return the log; empty after the pooler was closed
   */
  public String output() {
    try {
      return Files.exists(log()) ? Files.readString(log()) : "";
    } catch (IOException e) {
      throw new UncheckedIOException("the log of PgBouncer cannot be read", e);
    }
  }

  /** Stops the pooler, and breaks the connections of its clients. */
  @Override
  public synchronized void close() {
    if (process != null && process.isAlive()) {
      process.destroyForcibly();
      Processes.awaitEnd(process.toHandle());
    }
    try {
      if (Files.exists(folder)) {
        TemporaryFolder.delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the folder of PgBouncer cannot be deleted", e);
    }
  }
}
