package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A database that is restored to an older state, under a store that runs all the time. */
@Tag("faults")
class RestoreTest {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir private Path directory;
  private Path backup;
  private Path archive;

  @BeforeEach
  void setUp() throws IOException {
    backup = directory.resolve("backup");
    archive = Files.createDirectory(directory.resolve("archive"));
  }

  @Test
  void a_view_agrees_with_the_events_after_an_old_backup_was_restored() throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      restoreUnder(server, data -> {}, 20);
    }
  }

  @Test
  void a_view_agrees_with_the_events_after_recovery_to_a_point_in_time() throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (Connection connection = new Database(server.url("postgres")).open()) {
        TestStore.execute(connection, "alter system set archive_mode = on");
        TestStore.execute(
            connection, "alter system set archive_command = 'cp %%p %s/%%f'".formatted(archive));
      }
      server.restart();
      restoreUnder(server, this::recoverToThePoint, 30);
    }
  }

  private void recoverToThePoint(Path data) throws IOException {
    Files.writeString(
        data.resolve("postgresql.auto.conf"),
        """
        restore_command = 'cp %s/%%f %%p'
        recovery_target_name = 'wanted'
        recovery_target_action = 'promote'
        """
            .formatted(archive),
        StandardOpenOption.APPEND);
    Files.createFile(data.resolve("recovery.signal"));
  }

  private void restoreUnder(PostgresServer server, Recovery recovery, int kept) throws Exception {
    assumeTrue(server.canBeKilled(), "needs a server that was started here");
    try (TestStore store = new TestStore(server.createDatabase())) {
      store.execute("create table public.view (position bigint primary key, id uuid)");
      Path data = Path.of(store.query("show data_directory"));
      try (Subscription view = view(store)) {
        handle(store, view, 20);
        server.killHard();
        copy(data, backup);
        server.restart();

        // In the recovery to a point these are there again, and those after the point are not.
        handle(store, view, 10);
        store.query("select pg_create_restore_point('wanted')");
        Append lost = append("order-lost");
        AppendResult before = store.store.append(lost);
        handle(store, view, 10);
        store.query("select pg_switch_wal()");
        awaitArchived(store);

        server.killHard();
        delete(data);
        copy(backup, data);
        recovery.prepare(data);
        server.restart();

        AppendResult after = eventually(store, lost);
        assertThat(after.replayed()).as("it is written anew: the restored store lost it").isFalse();
        assertThat(before.replayed()).isFalse();
        assertThat(store.query("select count(*) from eventstore.events"))
            .isEqualTo(Integer.toString(kept + 1));
        handle(store, view, 20);
        assertThat(view.status().isHealthy()).isTrue();
      }
      assertThat(store.query("select count(*) from public.view"))
          .isEqualTo(store.query("select count(*) from eventstore.events"));
      assertThat(
              store.query(
                  "select count(*) from public.view as v join eventstore.events as e"
                      + " on e.position = v.position and e.id = v.id"))
          .isEqualTo(store.query("select count(*) from eventstore.events"));
    }
  }

  private static Subscription view(TestStore store) {
    return Subscriptions.of(store.store)
        .create("view")
        .handler(batch -> RestoreTest.show(batch.events(), batch.connection()))
        .start();
  }

  private static void show(List<RecordedEvent> events, Connection connection) throws SQLException {
    try (PreparedStatement insert =
        connection.prepareStatement("insert into public.view values (?, ?)")) {
      for (RecordedEvent event : events) {
        insert.setLong(1, event.position().value());
        insert.setObject(2, event.id());
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  private static Append append(String stream) {
    return Append.to(
        StreamId.parse(stream),
        ExpectedVersion.any(),
        List.of(NewEvent.of(TestStore.raw("happened")).withId(UUID.randomUUID())));
  }

  private static void handle(TestStore store, Subscription view, int events) throws Exception {
    AppendResult last = null;
    for (int i = 0; i < events; i++) {
      last = eventually(store, append("order-" + i % 3));
    }
    view.awaitApplied(last, PATIENCE);
  }

  /** The same append again and again, until the server is back. */
  private static AppendResult eventually(TestStore store, Append append) {
    return await()
        .atMost(PATIENCE)
        .ignoreExceptions()
        .until(() -> store.store.append(append), Objects::nonNull);
  }

  private void awaitArchived(TestStore store) throws SQLException {
    if (store.query("show archive_mode").equals("on")) {
      String last = store.query("select pg_walfile_name(pg_current_wal_lsn() - 1)");
      await().atMost(PATIENCE).until(() -> Files.exists(archive.resolve(last)));
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Files.copy(
            file, to.resolve(from.relativize(file).toString()), StandardCopyOption.COPY_ATTRIBUTES);
      }
    }
    Files.deleteIfExists(to.resolve("postmaster.pid"));
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  /** What is done to restored files before the server is started on them. */
  @FunctionalInterface
  private interface Recovery {
    void prepare(Path data) throws IOException;
  }
}
