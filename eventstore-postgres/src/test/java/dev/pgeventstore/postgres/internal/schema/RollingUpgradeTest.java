package dev.pgeventstore.postgres.internal.schema;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.Migrations;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.EmptyDatabase;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A release with one script more is rolled out over nodes of this one, of which some run on and
 * some restart. The schema says which programs it serves.
 */
@EmptyDatabase
@ExtendWith(PostgresExtension.class)
class RollingUpgradeTest {

  private static final int VERSION = MigrationScripts.load().version();
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private Database database;

  @BeforeEach
  void setUp(Database database) {
    this.database = database;
  }

  /** The migrations of the release after this one. */
  private Migrator next(int servesFrom) {
    List<MigrationScript> scripts = new ArrayList<>(MigrationScripts.load().all());
    scripts.add(
        new MigrationScript(
            "V%d__next.sql".formatted(VERSION + 1),
            """
            alter table "${schema}".streams add column note text;
            create or replace function "${schema}".schema_version(
              out version integer, out serves_from integer)
            language sql immutable parallel safe as 'select %d, %d';
            """
                .formatted(VERSION + 1, servesFrom)));
    return new Migrator(
        database.dataSource(), new Schema("eventstore"), new MigrationScripts(scripts));
  }

  /** A process that appends and takes part in a subscription. */
  private final class Node implements AutoCloseable {

    private final PostgresEventStore store;
    private final Subscription subscription;

    Node(Migrations migrations) {
      store =
          PostgresEventStore.builder(database.dataSource())
              .codec(JacksonCodec.of(EventTypes.none()))
              .migrations(migrations)
              .build();
      subscription =
          Subscriptions.of(store)
              .create("handled")
              .partitions(2)
              .handler(
                  batch -> {
                    for (RecordedEvent event : batch.events()) {
                      handled(event, batch.connection());
                    }
                  })
              .start();
    }

    void appendAndAwait(int events) throws Exception {
      for (int i = 0; i < events; i++) {
        subscription.awaitApplied(
            store.append(
                StreamId.of("order", Integer.toString(i)),
                ExpectedVersion.any(),
                List.of(EncodedEvent.of("happened", 1, "{}"))),
            PATIENCE);
      }
    }

    @Override
    public void close() {
      subscription.close();
      store.close();
    }
  }

  /** The key refuses an event that is handled twice. */
  private static void handled(RecordedEvent event, Connection connection) throws SQLException {
    try (PreparedStatement insert =
        connection.prepareStatement("insert into public.handled values (?)")) {
      insert.setLong(1, event.position().value());
      insert.executeUpdate();
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

  private void createView() throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement()) {
      statement.execute("create table public.handled (position bigint primary key)");
    }
  }

  @Test
  void old_nodes_continue_and_restart_beside_new_ones_while_the_schema_serves_them()
      throws Exception {
    createView();
    try (Node old = new Node(Migrations.APPLY)) {
      old.appendAndAwait(3);
      next(VERSION).apply();
      try (Node upgraded = new Node(Migrations.NONE)) {
        old.appendAndAwait(3);
        upgraded.appendAndAwait(3);
        old.close();
        for (Migrations migrations : Migrations.values()) {
          try (Node restarted = new Node(migrations)) {
            restarted.appendAndAwait(3);
            upgraded.appendAndAwait(3);
          }
        }
      }
    }
    next(VERSION).validate();
    assertThat(query("select count(*) from eventstore.events")).isEqualTo("27");
    assertThat(query("select count(*) from public.handled")).isEqualTo("27");
    assertThat(query("select version from eventstore.schema_version()"))
        .isEqualTo(Integer.toString(VERSION + 1));
  }

  @Test
  void an_old_node_that_the_schema_no_longer_serves_continues_and_is_refused_when_it_restarts()
      throws Exception {
    createView();
    try (Node old = new Node(Migrations.APPLY)) {
      next(VERSION + 1).apply();
      old.appendAndAwait(3);
      for (Migrations migrations : Migrations.values()) {
        assertThatThrownBy(() -> new Node(migrations).close())
            .isInstanceOf(EventStoreException.class)
            .hasMessage(
                "schema eventstore is at version %d, which serves programs from version %d on, and this library is of version %d: deploy a newer one",
                VERSION + 1, VERSION + 1, VERSION);
      }
    }
    assertThat(query("select count(*) from public.handled")).isEqualTo("3");
  }

  @Test
  void a_new_program_is_refused_until_the_schema_is_migrated() {
    new Migrator(database.dataSource(), new Schema("eventstore")).apply();
    for (Runnable check :
        List.<Runnable>of(next(VERSION)::validate, next(VERSION)::requireServed)) {
      assertThatThrownBy(check::run)
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("is at version " + VERSION)
          .hasMessageContaining("V%d__next.sql", VERSION + 1)
          .hasMessageContaining("Migrations.APPLY");
    }
    next(VERSION).apply();
    next(VERSION).validate();
    next(VERSION).requireServed();
  }
}
