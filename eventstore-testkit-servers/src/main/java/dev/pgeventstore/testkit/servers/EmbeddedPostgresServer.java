package dev.pgeventstore.testkit.servers;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A server from embedded binaries. */
final class EmbeddedPostgresServer extends PostgresServer {

  private final Map<String, String> settings;
  private final Path data;
  private final int port;
  private EmbeddedPostgres server;

  /**
   * @param disk an existing folder for the server's data; null for the folder of temporary files
   */
  EmbeddedPostgresServer(Map<String, String> settings, @Nullable Path disk) {
    this.settings = settings;
    try {
      this.data = TemporaryFolder.create(disk == null ? TemporaryFolder.onDisk() : disk, "pg");
      this.port = FreePort.find();
      this.server = launch();
    } catch (IOException e) {
      throw new UncheckedIOException("PostgreSQL cannot be started: " + e.getMessage(), e);
    }
    Runtime.getRuntime().addShutdownHook(new Thread(this::close, "eventstore-pg-shutdown"));
  }

  private EmbeddedPostgres launch() throws IOException {
    EmbeddedPostgres.Builder builder =
        EmbeddedPostgres.builder()
            .setDataDirectory(data)
            // Kept while a killed server is restarted; deleted by this class.
            .setCleanDataDirectory(false)
            .setRegisterShutdownHook(false)
            // Unpacked once for each user, because the files of another user could not be replaced.
            .setOverrideWorkingDirectory(
                Path.of(
                        System.getProperty("java.io.tmpdir"),
                        "eventstore-pg-binaries-" + System.getProperty("user.name"))
                    .toFile())
            .setPort(port)
            .setPGStartupWait(Duration.ofMinutes(2))
            .setLocaleConfig("locale", "C")
            .setConnectConfig("connectTimeout", "5")
            .setServerConfig("listen_addresses", "127.0.0.1")
            // The embedded default trades durability for speed, but these tests need durability.
            .setServerConfig("fsync", "on")
            .setServerConfig("synchronous_commit", "on")
            .setServerConfig("max_connections", "200")
            .setServerConfig("max_prepared_transactions", "20");
    settings.forEach(builder::setServerConfig);
    return builder.start();
  }

  @Override
  public String url(String database) {
    return "jdbc:postgresql://127.0.0.1:%d/%s?user=postgres".formatted(port, database);
  }

  @Override
  public boolean canBeKilled() {
    return true;
  }

  @Override
  public synchronized void killHard() {
    ProcessHandle postmaster =
        postmaster().orElseThrow(() -> new IllegalStateException("the server does not run"));
    // Frozen, so that it starts no backend while its backends are listed. Such a backend would
    // survive, could wait for ever for a killed one, and would hold the shared memory that the next
    // server needs.
    Processes.freeze(postmaster);
    List<ProcessHandle> processes =
        Stream.concat(Stream.of(postmaster), postmaster.descendants()).toList();
    processes.forEach(ProcessHandle::destroyForcibly);
    processes.forEach(Processes::awaitEnd);
  }

  private Optional<ProcessHandle> postmaster() {
    try {
      Path pidFile = data.resolve("postmaster.pid");
      if (!Files.exists(pidFile)) {
        return Optional.empty();
      }
      return ProcessHandle.of(Long.parseLong(Files.readAllLines(pidFile).get(0).trim()));
    } catch (IOException e) {
      throw new UncheckedIOException("the server's process id cannot be read", e);
    }
  }

  @Override
  public synchronized void restart() {
    try {
      // Needed after a kill, too: it releases the lock on the folder.
      stop();
      server = launch();
    } catch (IOException e) {
      throw new UncheckedIOException("PostgreSQL cannot be restarted: " + e.getMessage(), e);
    }
  }

  private void stop() throws IOException {
    Optional<ProcessHandle> postmaster = postmaster();
    server.close();
    // The call above waits for some seconds only; a busy machine may need longer to write
    // everything.
    postmaster.ifPresent(Processes::awaitEnd);
  }

  @Override
  public synchronized void close() {
    try {
      if (Files.exists(data)) {
        stop();
        TemporaryFolder.delete(data);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("PostgreSQL cannot be stopped: " + e.getMessage(), e);
    }
  }
}
