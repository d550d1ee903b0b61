package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Append;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.Lease;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.spi.SnapshotHost;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.EmptyDatabase;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.PGConnection;

/** What each role of db/roles.sql can do, and above all what it cannot. */
@ExtendWith(PostgresExtension.class)
@EmptyDatabase
@Order(1)
class RolesTest {

  private static final String NOT_ALLOWED = "42501";
  private static final List<String> ROLES =
      List.of("writer", "reader", "relay", "importer", "operator", "eraser");

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
    for (String role : ROLES) {
      owner.execute("create role %s login in role %s_%s".formatted(login(role), schema, role));
    }
  }

  @AfterEach
  void dropRoles() throws SQLException {
    for (String role : ROLES) {
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
    return as(role, Migrations.NONE);
  }

  private TestStore as(String role, Migrations migrations) {
    return new TestStore(
        database.as(login(role)), 5, builder -> builder.schema(schema).migrations(migrations));
  }

  @Test
  void the_script_can_be_run_twice() throws Exception {
    owner.execute(script());
  }

  @ParameterizedTest
  @FieldSource("ROLES")
  void each_role_builds_a_store_where_the_schema_is_up_to_date(String role) {
    for (Migrations migrations : Migrations.values()) {
      as(role, migrations).close();
    }
  }

  @ParameterizedTest
  @FieldSource("ROLES")
  void each_role_is_refused_a_schema_that_is_behind_or_was_changed(String role) throws Exception {
    owner.execute(
        "update %s.schema_history set checksum = 7 where version = '1'".formatted(schema));
    assertThatThrownBy(() -> as(role, Migrations.VALIDATE))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("V1__event_store.sql");

    owner.execute(
        "create or replace function %s.schema_version(out version integer, out serves_from integer)"
                .formatted(schema)
            + " language sql as 'select 0, 0'");
    assertThatThrownBy(() -> as(role, Migrations.VALIDATE))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("is at version 0");
  }

  @ParameterizedTest
  @FieldSource("ROLES")
  void the_error_for_a_role_without_its_new_grants_names_the_script(String role)
      throws SQLException {
    String all = ROLES.stream().map(name -> schema + "_" + name).collect(Collectors.joining(", "));
    owner.execute("revoke all on %s.schema_history from %s".formatted(schema, all));
    assertNotOpenTo(role);
    owner.execute("revoke all on function %s.schema_version() from %s".formatted(schema, all));
    assertNotOpenTo(role);
    owner.execute("revoke all on schema %s from %s".formatted(schema, all));
    assertNotOpenTo(role);
  }

  private void assertNotOpenTo(String role) {
    for (Migrations migrations : List.of(Migrations.VALIDATE, Migrations.APPLY)) {
      assertThatThrownBy(() -> as(role, migrations))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("db/roles.sql");
    }
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
          Subscriptions.of(writer.store).create("all").handler(batch -> {}).start()) {
        subscription.awaitApplied(writer.append("order-3"), Duration.ofSeconds(10));
      }
    }
  }

  @Test
  void an_importer_imports_and_does_not_append() throws Exception {
    try (TestStore importer = as("importer")) {
      importer.store.importer().named("orders").batch(10).run(ImporterTest.items(25));
      importer.store.importer().named("orders").batch(10).run(ImporterTest.items(30));
      assertThat(importer.settled()).hasSize(31);
      assertThatThrownBy(() -> importer.append("order-1"))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("roles.sql");
    }
    assertNotAllowed("importer", "delete from %s.streams".formatted(schema));
    assertNotAllowed("importer", "update %s.streams set tombstoned_at = null".formatted(schema));
    assertThat(owner.settled()).hasSize(31);
  }

  @ParameterizedTest
  @ValueSource(strings = {"writer", "reader", "relay", "operator"})
  void no_other_role_imports(String role) {
    try (TestStore user = as(role)) {
      assertThatThrownBy(() -> user.store.importer().run(ImporterTest.items(5)))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("roles.sql");
      assertThatThrownBy(() -> user.store.importer().named("x").run(ImporterTest.items(5)))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("roles.sql");
    }
    assertThat(owner.settled()).containsExactly("order-1");
  }

  @ParameterizedTest
  @FieldSource("ROLES")
  void no_role_but_importers_writes_streams_events_or_messages_other_than_by_functions(String role)
      throws SQLException {
    List<String> statements =
        new ArrayList<>(
            List.of(
                "insert into %s.outbox (lane_hash, id, relay, topic, header_names, header_values)"
                    + " values (1, gen_random_uuid(), 'r', 't', '{}', '{}')",
                "select %s.draw_position()", "delete from %s.streams"));
    if (!role.equals("importer")) {
      statements.add(
          "insert into %s.events (stream_id, category, version, id, type, revision, data)"
              + " values ('order-9', 'order', 1, gen_random_uuid(), 'happened', 1, '{}')");
      statements.add(
          "insert into %s.streams (stream_id, category, version) values ('order-9', 'order', 1)");
      statements.add("update %s.streams set version = 7");
    }
    for (String sql : statements) {
      assertNotAllowed(role, sql.formatted(schema));
    }
    assertThat(owner.settled()).containsExactly("order-1");
  }

  private static final List<String> CHANGES_OF_EVENTS =
      List.of(
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
          "create table $schema.mine (x int)");

  @ParameterizedTest
  @ValueSource(strings = {"writer", "importer", "operator"})
  void no_writer_changes_or_removes_an_event_or_chooses_a_position(String role)
      throws SQLException {
    for (String sql : CHANGES_OF_EVENTS) {
      assertNotAllowed(role, sql.replace("$schema", schema));
    }
    assertThat(owner.settled()).containsExactly("order-1");
  }

  @ParameterizedTest
  @ValueSource(strings = {"writer", "importer"})
  void copy_cannot_supply_positions(String role) throws SQLException {
    try (Connection connection = database.as(login(role)).open()) {
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
  void a_writer_keeps_snapshots_and_a_reader_uses_them() {
    StreamId stream = StreamId.of("order", "1");
    Snapshot snapshot = Snapshot.of("order", 1, 1, "{}".getBytes(StandardCharsets.UTF_8));
    try (TestStore reader = as("reader")) {
      assertThatThrownBy(
              () -> reader.store.unwrap(SnapshotHost.class).orElseThrow().keep(stream, snapshot))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("roles.sql");
      try (TestStore writer = as("writer")) {
        writer.store.unwrap(SnapshotHost.class).orElseThrow().keep(stream, snapshot);
        writer.append("order-1");
        writer
            .store
            .unwrap(SnapshotHost.class)
            .orElseThrow()
            .keep(stream, Snapshot.of("order", 1, 2, snapshot.stateUtf8()));
      }
      assertThat(
              reader
                  .store
                  .unwrap(SnapshotHost.class)
                  .orElseThrow()
                  .readWithSnapshot(stream, "order", 1, 9, 9)
                  .snapshot())
          .hasValueSatisfying(found -> assertThat(found.version()).isEqualTo(2));
    }
  }

  @Test
  void a_reader_subscribes_but_does_not_append() throws Exception {
    try (TestStore reader = as("reader")) {
      List<String> seen = new ArrayList<>();
      try (Subscription subscription =
          Subscriptions.of(reader.store)
              .create("all")
              .handler(batch -> batch.events().forEach(e -> seen.add(e.stream().toString())))
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

  @ParameterizedTest
  @ValueSource(strings = {"writer", "reader"})
  void a_reader_that_may_create_tables_elsewhere_keeps_projections(String role) throws Exception {
    owner.execute("grant create on schema public to " + login(role));
    try (TestStore user = as(role);
        Projection first = projection(user, 1);
        Projection second = projection(user, 2)) {
      assertThat(first.promote(Duration.ofSeconds(30))).isTrue();
      assertThat(second.promote(Duration.ofSeconds(30))).isTrue();
      assertThat(first.drop()).isTrue();
      assertThat(owner.query("select string_agg(stream, ' ') from public.visits"))
          .isEqualTo("order-1");
      assertNotAllowed(role, "update %s.projections set name = 'other'".formatted(schema));
      assertNotAllowed(role, "delete from %s.projections".formatted(schema));
    }
    owner.execute("drop owned by " + login(role));
  }

  private static Projection projection(TestStore user, int version) {
    return Projections.of(user.store).create("visits", version).definition(new Visits()).start();
  }

  @Test
  void a_relay_promotes_and_drops_nothing() throws SQLException {
    assertNotAllowed("relay", "update %s.projections set live_version = 1".formatted(schema));
    assertNotAllowed("relay", "delete from %s.projection_versions".formatted(schema));
  }

  @Test
  void a_relay_reads_and_holds_leases_but_does_not_append() {
    try (TestStore relay = as("relay")) {
      assertThat(relay.settled()).containsExactly("order-1");
      assertThat(relay.store.unwrap(EventFeed.class).orElseThrow().databaseId())
          .endsWith("/" + schema);
      try (Lease lease =
          relay
              .store
              .unwrap(EventFeed.class)
              .orElseThrow()
              .tryLease("relay", 0, "me", Duration.ofSeconds(5))
              .orElseThrow()) {
        assertThat(lease.renew()).isTrue();
        assertThat(lease.note(Map.of("series", "relay~2"))).isTrue();
        assertThat(lease.notes()).containsKey("series");
        assertThat(
                owner
                    .store
                    .unwrap(EventFeed.class)
                    .orElseThrow()
                    .tryLease("relay", 0, "you", Duration.ofSeconds(5)))
            .isEmpty();
      }
      assertThat(relay.store.unwrap(EventFeed.class).orElseThrow().lastDrawn())
          .isEqualTo(Position.of(1));
      assertThat(relay.store.unwrap(EventFeed.class).orElseThrow().blockers(Duration.ZERO))
          .isEmpty();
      assertThat(
              owner
                  .store
                  .unwrap(EventFeed.class)
                  .orElseThrow()
                  .tryLease("relay", 0, "you", Duration.ofSeconds(5)))
          .isPresent();
      assertThatThrownBy(() -> relay.append("order-3")).isInstanceOf(EventStoreException.class);
    }
  }

  /** From PostgreSQL 18 on this is not an error: such a role reads that no position was drawn. */
  @Test
  void a_role_without_the_right_to_read_the_sequence_gets_an_error_instead_of_an_empty_store()
      throws Exception {
    String bare = "app_" + schema + "_bare";
    owner.execute("create role %s login".formatted(bare));
    owner.execute("grant usage on schema %s to %s".formatted(schema, bare));
    owner.execute("grant select on all tables in schema %s to %s".formatted(schema, bare));
    owner.execute("grant execute on all functions in schema %s to %s".formatted(schema, bare));
    try (TestStore some =
        new TestStore(
            database.as(bare), 5, builder -> builder.schema(schema).migrations(Migrations.NONE))) {
      for (ThrowingCallable call :
          List.<ThrowingCallable>of(
              some.store::highWaterMark,
              () -> some.store.readPage(Position.START, 10),
              () ->
                  Subscriptions.of(some.store)
                      .follow(EventQuery.all())
                      .load(() -> Position.START)
                      .handler(events -> {})
                      .start())) {
        assertThatThrownBy(call)
            .isInstanceOf(EventStoreException.class)
            .hasMessageContaining("events_position_seq")
            .hasMessageContaining("roles.sql");
      }
      owner.execute(
          "grant select on sequence %s.events_position_seq to %s".formatted(schema, bare));
      assertThat(some.settled()).containsExactly("order-1");
    } finally {
      owner.execute("drop owned by " + bare);
      owner.execute("drop role " + bare);
    }
  }

  @Test
  void a_writer_publishes_and_a_relay_reads_and_deletes_the_messages() throws SQLException {
    OutboxMessage message = OutboxMessage.to("relay", "topic").key("1").json("{}");
    try (TestStore writer = as("writer");
        TestStore relay = as("relay")) {
      writer.store.append(
          Append.to(
                  StreamId.of("order", "2"),
                  ExpectedVersion.noStream(),
                  List.of(TestStore.raw("happened")))
              .message(message));
      Position last = Outbox.of(writer.store).publish(List.of(message.id(UUID.randomUUID())));

      Position mark = relay.store.highWaterMark();
      assertThat(mark).isEqualTo(last);
      assertThat(
              relay
                  .store
                  .unwrap(EventFeed.class)
                  .orElseThrow()
                  .messages("relay", 0, 1, Position.START, mark, 10))
          .hasSize(2);
      relay.store.unwrap(EventFeed.class).orElseThrow().deleteMessages("relay", 0, 1, mark);
      assertThat(owner.query("select count(*) from " + schema + ".outbox")).isEqualTo("0");

      assertThatThrownBy(() -> Outbox.of(relay.store).publish(List.of(message)))
          .isInstanceOf(EventStoreException.class);
      assertThatThrownBy(
              () ->
                  writer
                      .store
                      .unwrap(EventFeed.class)
                      .orElseThrow()
                      .messages("relay", 0, 1, Position.START, mark, 10))
          .isInstanceOf(EventStoreException.class);
    }
    assertNotAllowed("writer", "delete from %s.outbox".formatted(schema));
    assertNotAllowed("writer", "select value from %s.outbox".formatted(schema));
    assertNotAllowed("writer", "update %s.outbox set topic = 'x'".formatted(schema));
    assertNotAllowed("relay", "update %s.outbox set topic = 'x'".formatted(schema));
    for (String role : List.of("writer", "relay")) {
      assertNotAllowed(
          role,
          ("insert into %s.outbox (position, lane_hash, id, relay, topic, header_names,"
                  + " header_values) values (9, 1, gen_random_uuid(), 'r', 't', '{}', '{}')")
              .formatted(schema));
    }
    assertNotAllowed("reader", "select * from %s.outbox".formatted(schema));
  }

  @ParameterizedTest
  @ValueSource(strings = {"writer", "reader", "relay", "importer", "operator"})
  void only_the_eraser_erases(String role) throws SQLException {
    Eraser eraser = Eraser.of(database.as(login(role)).dataSource(), schema);
    StreamId stream = StreamId.of("order", "1");
    for (Runnable call :
        List.<Runnable>of(
            () -> eraser.truncateBefore(stream, 1),
            () -> eraser.tombstone(stream),
            () -> eraser.erase(stream, 1, "a test"),
            () -> eraser.purge(stream))) {
      assertThatThrownBy(call::run)
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("roles.sql");
    }
    for (String sql :
        List.of(
            "select %s.hide('order-1', 2)",
            "update %s.streams set tombstoned_at = null",
            "insert into %s.truncations (stream_id, before, hidden_up_to) values ('order-1', 2, 1)",
            "insert into %s.purged_events (position, id) values (1, gen_random_uuid())",
            "delete from %s.purged_events",
            "delete from %s.erasures")) {
      assertNotAllowed(role, sql.formatted(schema));
    }
    if (!role.equals("operator")) {
      assertNotAllowed(role, "select * from %s.erasures".formatted(schema));
    }
    assertThat(owner.settled()).containsExactly("order-1");
  }

  private void assertNotAllowed(String role, String sql) throws SQLException {
    try (Connection connection = database.as(login(role)).open()) {
      assertThatThrownBy(() -> TestStore.execute(connection, sql))
          .as("%s as %s", sql, role)
          .isInstanceOfSatisfying(
              SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo(NOT_ALLOWED));
    }
  }

  @Test
  void an_eraser_erases_and_can_do_nothing_else() throws Exception {
    owner.append("order-1");
    owner.append("order-1");
    Eraser eraser = Eraser.of(database.as(login("eraser")).dataSource(), schema);
    StreamId stream = StreamId.of("order", "1");
    assertThat(eraser.erase(stream, 3, "a test").changed()).isTrue();
    assertThat(eraser.truncateBefore(stream, 2).changed()).isTrue();
    assertThat(eraser.tombstone(stream).changed()).isTrue();
    assertThat(eraser.purge(stream).events()).isEqualTo(3);
    assertThat(owner.query("select string_agg(distinct by, ' ') from " + schema + ".erasures"))
        .isEqualTo(login("eraser"));
    owner.append("order-2");
    for (String sql :
        List.of(
            "select * from %s.events",
            "select * from %s.streams",
            "select * from %s.erasures",
            "insert into %s.events (stream_id, category, version, id, type, revision, data)"
                + " values ('order-9', 'order', 1, gen_random_uuid(), 'happened', 1, '{}')",
            "update %s.events set data = '{}'",
            "delete from %s.events",
            "delete from %s.erasures",
            "delete from %s.truncations",
            "select %s.hide('order-2', 2)",
            "select %s.observe_fence()",
            "create table %s.mine (x int)")) {
      assertNotAllowed("eraser", sql.formatted(schema));
    }
    assertThat(owner.settled()).containsExactly("order-2");
  }

  @Test
  void functions_on_the_search_path_of_a_caller_do_not_run_with_the_owners_rights()
      throws Exception {
    owner.append("order-1");
    owner.execute("create schema evil_" + schema);
    for (String role : List.of("eraser", "writer")) {
      owner.execute("grant all on schema evil_%s to %s".formatted(schema, login(role)));
    }
    try (Connection connection = database.as(login("eraser")).open()) {
      putInThePlaceOf(connection, "clock_timestamp()", "timestamptz");
      TestStore.execute(connection, "create temporary table events (x int)");
      TestStore.execute(connection, "select %s.tombstone('order-1')".formatted(schema));
    }
    assertThat(owner.settled()).isEmpty();

    try (Connection connection = database.as(login("writer")).open()) {
      putInThePlaceOf(connection, "split_part(text, text, integer)", "text");
      putInThePlaceOf(connection, "array_fill(bigint, integer[])", "bigint[]");
      TestStore.execute(connection, "create temporary table streams (x int)");
      TestStore.execute(
          connection,
          "select %s.append_one('order-2', 0, gen_random_uuid(), 'happened', 1, '{}', null)"
              .formatted(schema));
      TestStore.execute(
          connection,
          ("select %s.append('{order-3}', '{true}', true, '{1}', '{1}', '{0}', '{1}', '{1}', '{1}',"
                  + " array[gen_random_uuid()], '{happened}', '{1}', array['{}'::bytea], null)")
              .formatted(schema));
      TestStore.execute(
          connection,
          ("select %s.publish(null, '{1}', '{r}', '{t}', array[gen_random_uuid()], '{1}',"
                  + " array[null::bytea], array[null::bytea], '{0}', '{}', '{}')")
              .formatted(schema));
      // The trap works: without a fixed path it is stepped into.
      assertThatThrownBy(() -> TestStore.execute(connection, "select split_part('a', 'b', 1)"))
          .hasMessageContaining("ran as");
    }
    assertThat(owner.settled()).containsExactly("order-2", "order-3");
    owner.execute("drop schema evil_" + schema + " cascade");
  }

  private void putInThePlaceOf(Connection connection, String function, String type)
      throws SQLException {
    TestStore.execute(
        connection,
        """
        create function evil_%s.%s returns %s language plpgsql
        as 'begin raise exception ''ran as %%'', current_user; end'
        """
            .formatted(schema, function, type));
    TestStore.execute(connection, "set search_path = evil_" + schema + ", pg_catalog");
  }

  @Test
  void an_operator_reads_everything_and_manages_readers_and_relays_but_appends_nothing()
      throws Exception {
    try (TestStore operator = as("operator")) {
      for (String table : tables()) {
        try (Connection connection = database.as(login("operator")).open()) {
          TestStore.query(connection, "select count(*) from %s.%s".formatted(schema, table));
        }
      }
      assertThat(operator.settled()).containsExactly("order-1");
      try (Lease lease =
          operator
              .store
              .unwrap(EventFeed.class)
              .orElseThrow()
              .seizeLease("relay", 0, "me", Duration.ofSeconds(5))) {
        assertThat(lease.note(Map.of("paused", "true"))).isTrue();
      }
      assertThatThrownBy(() -> operator.append("order-3"))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("roles.sql");
      OutboxMessage message = OutboxMessage.to("relay", "topic").key("1").json("{}");
      assertThatThrownBy(() -> Outbox.of(operator.store).publish(List.of(message)))
          .isInstanceOf(EventStoreException.class);
    }
    assertNotAllowed("operator", "update %s.discarded_events set reason = 'x'".formatted(schema));
    assertThat(owner.settled()).containsExactly("order-1");
  }

  private List<String> tables() throws SQLException {
    return List.of(
        owner
            .query(
                "select string_agg(tablename, ' ') from pg_tables where schemaname = '%s'"
                    .formatted(schema))
            .split(" "));
  }
}
