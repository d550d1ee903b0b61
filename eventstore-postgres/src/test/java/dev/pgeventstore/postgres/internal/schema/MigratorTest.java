package dev.pgeventstore.postgres.internal.schema;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import db.callback.ApplicationsCallback;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.Migrations;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.EmptyDatabase;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What building a store makes of schemas that are missing, behind, ahead, changed or not its own.
 */
@EmptyDatabase
@ExtendWith(PostgresExtension.class)
class MigratorTest {

  private static final List<MigrationScript> SCRIPTS = MigrationScripts.load().all();
  private static final MigrationScript LAST = SCRIPTS.get(SCRIPTS.size() - 1);
  private static final int VERSION = MigrationScripts.load().version();

  private Database database;

  @BeforeEach
  void setUp(Database database) {
    this.database = database;
  }

  private void build(Migrations migrations) {
    try (PostgresEventStore store =
        PostgresEventStore.builder(database.dataSource())
            .codec(JacksonCodec.of(EventTypes.none()))
            .migrations(migrations)
            .build()) {
      store.append(
          StreamId.of("order", "1"),
          ExpectedVersion.any(),
          List.of(EncodedEvent.of("happened", 1, "{}")));
    }
  }

  private void assertRefused(Migrations migrations, String... words) {
    assertThatThrownBy(() -> build(migrations))
        .isInstanceOf(EventStoreException.class)
        .hasMessageStartingWith("schema eventstore ")
        .hasMessageContainingAll(words)
        .message()
        .doesNotContainIgnoringCase("flyway")
        .doesNotContainIgnoringCase("baseline");
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private String query(String sql) throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getString(1);
    }
  }

  /** As db/README.md says to do it with psql. */
  private void migrateByHand() throws SQLException {
    execute("create schema eventstore");
    for (MigrationScript script : SCRIPTS) {
      execute(script.text().replace("${schema}", "eventstore"));
    }
  }

  private void noteLaterScript() throws SQLException {
    execute(
        "insert into eventstore.schema_history (installed_rank, version, description, type, script,"
            + " checksum, installed_by, execution_time, success)"
            + " values (1000, '1000', 'later', 'SQL', 'V1000__later.sql', 1, 'x', 1, true)");
  }

  private void sayVersion(int version, int servesFrom) throws SQLException {
    execute(
        ("create or replace function eventstore.schema_version(out version integer, out serves_from"
                + " integer) language sql as 'select %d, %d'")
            .formatted(version, servesFrom));
  }

  @Test
  void the_schema_states_the_version_of_the_last_script() throws SQLException {
    build(Migrations.APPLY);
    assertThat(query("select version from eventstore.schema_version()"))
        .as("each script that is added states schema_version() again")
        .isEqualTo(Integer.toString(VERSION));
  }

  @ParameterizedTest
  @EnumSource(names = {"VALIDATE", "NONE"})
  void a_schema_that_does_not_exist_is_made_by_applying_only(Migrations migrations) {
    assertThatThrownBy(() -> build(migrations)).isInstanceOf(EventStoreException.class);
    assertRefused(Migrations.VALIDATE, "does not exist", "Migrations.APPLY");
    build(Migrations.APPLY);
    build(migrations);
  }

  /** There is one on the class path of these tests, as there may be of an application's Flyway. */
  @Test
  void callbacks_of_the_application_are_not_run() {
    build(Migrations.APPLY);

    assertThat(ApplicationsCallback.RUNS).hasValue(0);
  }

  @Test
  void an_empty_schema_is_used_by_applying_only() throws SQLException {
    execute("create schema eventstore");
    assertRefused(Migrations.VALIDATE, "is empty", "Migrations.APPLY");
    build(Migrations.APPLY);
    build(Migrations.VALIDATE);
  }

  @Test
  void what_an_extension_brought_does_not_keep_a_schema_from_being_empty() throws SQLException {
    execute("create schema eventstore");
    execute("create extension if not exists pg_stat_statements schema eventstore");
    build(Migrations.APPLY);
    build(Migrations.VALIDATE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "create table eventstore.customers (id int)",
        "create view eventstore.customers as select 1 as id",
        "create sequence eventstore.customers",
        "create function eventstore.customers() returns int language sql as 'select 1'",
        "create type eventstore.customers as enum ('a')",
        "create table eventstore.events (customers int)",
        "create table eventstore.schema_history (x int); create table eventstore.customers (x int)",
      })
  void a_schema_of_another_program_is_refused_and_its_objects_are_named(String sql)
      throws SQLException {
    execute("create schema eventstore");
    execute(sql);
    for (Migrations migrations : List.of(Migrations.APPLY, Migrations.VALIDATE)) {
      assertRefused(
          migrations,
          sql.contains("table eventstore.events") ? "table events" : " customers",
          "no event store",
          "a schema of its own");
    }
  }

  @Test
  void many_objects_of_another_program_are_counted() throws SQLException {
    execute("create schema eventstore");
    for (int i = 1; i <= 8; i++) {
      execute("create table eventstore.t%d (id int)".formatted(i));
    }
    assertRefused(Migrations.APPLY, "table t1, table t2, table t3, table t4, table t5 and 3 more");
  }

  @Test
  void a_schema_that_is_behind_is_refused_and_the_missing_scripts_are_named() throws SQLException {
    migrateByHand();
    sayVersion(VERSION - 1, VERSION - 1);
    assertRefused(
        Migrations.VALIDATE,
        "at version " + (VERSION - 1),
        "needs " + VERSION,
        LAST.fileName(),
        "Migrations.APPLY");
  }

  @ParameterizedTest
  @EnumSource(names = {"APPLY", "VALIDATE"})
  void a_newer_schema_is_used_as_long_as_it_serves_this_version(Migrations migrations)
      throws SQLException {
    build(Migrations.APPLY);
    noteLaterScript();
    sayVersion(1000, VERSION);
    build(migrations);
    sayVersion(1000, VERSION + 1);
    assertRefused(migrations, "at version 1000", "from version " + (VERSION + 1), "deploy a newer");
  }

  @ParameterizedTest
  @EnumSource(names = {"APPLY", "VALIDATE"})
  void a_schema_that_another_script_migrated_is_refused(Migrations migrations) throws SQLException {
    build(Migrations.APPLY);
    execute("update eventstore.schema_history set checksum = 7 where version = '" + VERSION + "'");
    assertRefused(migrations, "another " + LAST.fileName(), "checksum 7");
  }

  @ParameterizedTest
  @EnumSource(names = {"APPLY", "VALIDATE"})
  void a_schema_that_lacks_a_script_between_others_is_refused(Migrations migrations)
      throws SQLException {
    build(Migrations.APPLY);
    noteLaterScript();
    execute("delete from eventstore.schema_history where version = '" + VERSION + "'");
    assertRefused(migrations, "lacks script " + LAST.fileName());
  }

  @ParameterizedTest
  @EnumSource(names = {"APPLY", "VALIDATE"})
  void a_schema_that_an_unknown_script_migrated_is_refused(Migrations migrations)
      throws SQLException {
    build(Migrations.APPLY);
    execute(
        "insert into eventstore.schema_history (installed_rank, version, description, type, script,"
            + " checksum, installed_by, execution_time, success)"
            + " values (1000, '0', 'x', 'SQL', 'x', 1, 'x', 1, true)");
    assertRefused(migrations, "version 0", "does not have");
  }

  @ParameterizedTest
  @EnumSource(names = {"APPLY", "VALIDATE"})
  void a_script_that_failed_halfway_is_named(Migrations migrations) throws SQLException {
    build(Migrations.APPLY);
    execute(
        "update eventstore.schema_history set success = false where version = '" + VERSION + "'");
    assertRefused(migrations, LAST.fileName(), "failed halfway");
  }

  @Test
  void a_schema_that_was_migrated_by_hand_is_valid_and_is_adopted_by_applying()
      throws SQLException {
    migrateByHand();
    build(Migrations.NONE);
    build(Migrations.VALIDATE);
    assertThat(query("select to_regclass('eventstore.schema_history')")).isNull();

    build(Migrations.APPLY);
    assertThat(query("select string_agg(version, ',') from eventstore.schema_history"))
        .isEqualTo(Integer.toString(VERSION));
    build(Migrations.VALIDATE);
    build(Migrations.APPLY);
    assertThat(query("select count(*) from eventstore.events")).isEqualTo("5");
  }

  @Test
  void many_processes_may_adopt_at_once() throws Exception {
    migrateByHand();
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<?>> built = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        built.add(threads.submit(() -> build(Migrations.APPLY)));
      }
      for (Future<?> one : built) {
        one.get();
      }
    } finally {
      threads.shutdownNow();
    }
    assertThat(query("select count(*) from eventstore.events")).isEqualTo("4");
  }

  @Test
  void a_history_that_ends_before_scripts_that_were_run_by_hand_is_refused() throws SQLException {
    build(Migrations.APPLY);
    execute("delete from eventstore.schema_history where version = '" + VERSION + "'");
    assertRefused(Migrations.VALIDATE, LAST.fileName(), "by hand");
  }

  @Test
  void the_roles_script_runs_where_there_is_no_history() throws Exception {
    migrateByHand();
    try (InputStream roles = getClass().getResourceAsStream("/dev/pgeventstore/db/roles.sql")) {
      // Roles belong to the whole server.
      String schema = "h" + Long.toString(System.nanoTime(), 36);
      execute("alter schema eventstore rename to " + schema);
      execute(
          new String(roles.readAllBytes(), StandardCharsets.UTF_8).replace("${schema}", schema));
      execute("drop schema " + schema + " cascade");
    }
  }
}
