package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.feed.Lease;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.PGConnection;

/** What each role of db/roles.sql can do, and above all what it cannot. */
@ExtendWith(PostgresExtension.class)
class RolesTest {

  private static final String NOT_ALLOWED = "42501";

  private Database database;
  private TestStore owner;
  private String schema;

  @BeforeEach
  void setUp(Database database) throws Exception {
    this.database = database;
    // Roles belong to the whole server, so each test has names of its own.
    schema = "s" + Long.toString(System.nanoTime(), 36);
    owner = new TestStore(database, 5, builder -> builder.schema(schema));
    owner.append("order-1");
    owner.execute(script());
    for (String role : List.of("writer", "reader", "relay")) {
      owner.execute("create role %s login in role %s_%s".formatted(login(role), schema, role));
    }
  }

  @AfterEach
  void dropRoles() throws SQLException {
    for (String role : List.of("writer", "reader", "relay")) {
      owner.execute("drop role " + login(role));
    }
    owner.close();
  }

  private String script() throws IOException {
    try (InputStream roles = getClass().getResourceAsStream("/dev/pgeventstore/db/roles.sql")) {
      return new String(roles.readAllBytes(), StandardCharsets.UTF_8).replace("${schema}", schema);
    }
  }

  private String login(String role) {
    return "app_" + schema + "_" + role;
  }

  private TestStore as(String role) {
    return new TestStore(
        database.as(login(role)), 5, builder -> builder.schema(schema).migrations(Migrations.NONE));
  }

  @Test
  void the_script_can_be_run_twice() throws Exception {
    owner.execute(script());
  }

  @Test
  void a_writer_appends_reads_and_subscribes() throws Exception {
    try (TestStore writer = as("writer")) {
      writer.append("order-1");
      writer.append("order-2");
      StreamId stream = StreamId.of("order", "1");
      assertThatThrownBy(
              () ->
                  writer.store.append(
                      stream, ExpectedVersion.noStream(), List.of(TestStore.raw("happened"))))
          .isInstanceOf(ConflictException.class);
      assertThat(writer.store.read(stream)).hasSize(2);
      assertThat(writer.settled()).containsExactly("order-1", "order-1", "order-2");
      try (Subscription subscription =
          Subscriptions.of(writer.store).create("all").handler((events, c) -> {}).start()) {
        subscription.awaitApplied(writer.append("order-3"), Duration.ofSeconds(10));
      }
    }
  }

  @Test
  void a_writer_imports() throws Exception {
    try (TestStore writer = as("writer")) {
      writer.store.importer().named("orders").batch(10).run(ImporterTest.items(25));
      writer.store.importer().named("orders").batch(10).run(ImporterTest.items(30));
    }
    assertThat(owner.settled()).hasSize(31);
  }

  @Test
  void a_reader_does_not_import() {
    try (TestStore reader = as("reader")) {
      assertThatThrownBy(() -> reader.store.importer().run(ImporterTest.items(5)))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("roles.sql");
      assertThatThrownBy(() -> reader.store.importer().named("x").run(ImporterTest.items(5)))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("roles.sql");
    }
    assertThat(owner.settled()).containsExactly("order-1");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "update $schema.events set data = '{}'",
        "delete from $schema.events",
        "truncate $schema.events",
        "alter table $schema.events add column x int",
        "drop table $schema.events",
        "select setval(pg_get_serial_sequence('$schema.events', 'position'), 1)",
        "select nextval(pg_get_serial_sequence('$schema.events', 'position'))",
        "insert into $schema.events (position, version, id, revision, stream_id, category, type, data)"
            + " overriding system value values"
            + " (9, 1, gen_random_uuid(), 1, 'order-9', 'order', 'happened', '{}')",
        "alter table $schema.events disable trigger all",
        "create table $schema.mine (x int)",
      })
  void a_writer_cannot_change_or_remove_an_event_or_choose_a_position(String sql)
      throws SQLException {
    try (Connection connection = database.as(login("writer")).open()) {
      assertThatThrownBy(() -> TestStore.execute(connection, sql.replace("$schema", schema)))
          .isInstanceOfSatisfying(
              SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo(NOT_ALLOWED));
    }
    assertThat(owner.settled()).containsExactly("order-1");
  }

  @Test
  void a_writer_cannot_bring_a_position_along_by_copy() throws SQLException {
    try (Connection connection = database.as(login("writer")).open()) {
      assertThatThrownBy(
              () ->
                  connection
                      .unwrap(PGConnection.class)
                      .getCopyAPI()
                      .copyIn("copy %s.events (position, stream_id) from stdin".formatted(schema)))
          .isInstanceOfSatisfying(
              SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo(NOT_ALLOWED));
    }
  }

  @Test
  void a_reader_subscribes_but_does_not_append() throws Exception {
    try (TestStore reader = as("reader")) {
      List<String> seen = new ArrayList<>();
      try (Subscription subscription =
          Subscriptions.of(reader.store)
              .create("all")
              .handler((events, c) -> events.forEach(e -> seen.add(e.stream().toString())))
              .start()) {
        subscription.awaitApplied(owner.append("order-2"), Duration.ofSeconds(10));
      }
      assertThat(seen).containsExactly("order-1", "order-2");
      assertThatThrownBy(() -> reader.append("order-3"))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("roles.sql");
    }
    assertThat(owner.settled()).containsExactly("order-1", "order-2");
  }

  @Test
  void a_relay_reads_and_holds_leases_but_does_not_append() {
    try (TestStore relay = as("relay")) {
      assertThat(relay.settled()).containsExactly("order-1");
      assertThat(relay.store.feed().databaseId()).endsWith("/" + schema);
      try (Lease lease =
          relay.store.feed().tryLease("relay", 0, "me", Duration.ofSeconds(5)).orElseThrow()) {
        assertThat(lease.renew()).isTrue();
        assertThat(owner.store.feed().tryLease("relay", 0, "you", Duration.ofSeconds(5))).isEmpty();
      }
      assertThat(owner.store.feed().tryLease("relay", 0, "you", Duration.ofSeconds(5))).isPresent();
      assertThatThrownBy(() -> relay.append("order-3")).isInstanceOf(EventStoreException.class);
    }
  }
}
