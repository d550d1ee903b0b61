package dev.pgeventstore.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.kafka.consumer.WatermarkInbox;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The statements of docs/operating.md find what the page says. */
@ExtendWith(PostgresExtension.class)
class OperatingTest {

  private static final Pattern BLOCK = Pattern.compile("(?ms)^ *```sql\n(.*?)^ *```$");

  private Database database;
  private PostgresEventStore store;

  @BeforeEach
  void open(Database given) {
    database = given;
    store =
        PostgresEventStore.builder(database.dataSource())
            .codec(JacksonCodec.of(EventTypes.none()))
            .build();
  }

  @AfterEach
  void close() {
    store.close();
  }

  @Test
  void a_transaction_that_holds_the_mark_back_is_found() throws Exception {
    String blockers = statement("pg_prepared_xacts");
    try (Connection open = begin();
        Connection prepared = begin()) {
      append("order-1", open);
      append("order-2", prepared);
      execute(prepared, "prepare transaction 'left_open'");

      List<Map<String, Object>> rows = run(blockers);

      assertThat(rows).hasSize(2);
      assertThat(rows.get(0))
          .containsEntry("pid", run(open, "select pg_backend_pid() as pid").get(0).get("pid"))
          .containsEntry("state", "idle in transaction")
          .containsEntry("prepared", null);
      assertThat(rows.get(1)).containsEntry("pid", null).containsEntry("prepared", "left_open");
      assertThat(rows).allSatisfy(row -> assertThat(row.get("age")).isNotNull());

      open.rollback();
      execute("rollback prepared 'left_open'");
      assertThat(run(blockers)).isEmpty();
    }
  }

  @Test
  void waiting_messages_are_counted_with_their_size() throws Exception {
    OutboxMessage message = OutboxMessage.to("public", "topic").json("{}");
    Outbox.of(store).publish(List.of(message, message.id(UUID.randomUUID())));

    assertThat(run(statement("eventstore.outbox group by")))
        .singleElement()
        .satisfies(
            row -> assertThat(row).containsEntry("relay", "public").containsEntry("waiting", 2L));
    assertThat(run(statement("n_dead_tup"))).hasSize(1);
  }

  @Test
  void the_session_that_has_locked_the_table_is_found() throws Exception {
    try (Connection migrating = begin()) {
      execute(migrating, "lock table eventstore.events in access exclusive mode");

      assertThat(run(statement("AccessExclusiveLock")))
          .singleElement()
          .satisfies(row -> assertThat(row).containsEntry("granted", true));
    }
  }

  @Test
  void the_other_statements_show_what_is_in_the_tables() throws Exception {
    append("order-1", null);
    append("order-1", null);
    execute(
        """
        insert into eventstore.leases (name, partition) values ('orders', 0);
        insert into eventstore.subscriptions (name, partition, position, query, stopped_at, error)
        values ('orders', 0, 1, 'all events', clock_timestamp(), 'no such customer');
        insert into eventstore.subscription_declines (name, partition, owner, position, reason)
        values ('orders', 0, 'a node', 2, 'unknown'), ('orders', 0, 'another', 1, 'unknown');
        insert into eventstore.subscription_members (name, owner, alive_until)
        values ('orders', 'a node', clock_timestamp() + interval '15 s');
        insert into eventstore.parked_streams (name, stream_id) values ('orders', 'order-1');
        insert into eventstore.parked_events (name, stream_id, position, version, attempts, error)
        values ('orders', 'order-1', 1, 1, 4, 'the culprit'), ('orders', 'order-1', 2, 2, 0, null);
        insert into eventstore.discarded_events (name, stream_id, position, version, reason)
        values ('orders', 'order-2', 3, 1, 'a duplicate');
        insert into eventstore.imports (name, items) values ('history', 7);
        insert into eventstore.projections (name) values ('totals');
        insert into eventstore.projection_versions (name, version)
        values ('totals', 1), ('totals', 2);
        update eventstore.projections set live_version = 1 where name = 'totals';
        """);

    assertThat(run(statement("stopped_at")))
        .singleElement()
        .satisfies(
            row ->
                assertThat(row)
                    .containsEntry("lag", 1L)
                    .containsEntry("error", "no such customer"));
    assertThat(run(statement("query is not null")))
        .containsExactly(Map.of("name", "orders", "query", "all events"));
    assertThat(run(statement("subscription_declines")))
        .singleElement()
        .satisfies(row -> assertThat(row).containsEntry("owner", "a node"));
    assertThat(run(statement("subscription_members")))
        .singleElement()
        .satisfies(row -> assertThat(row).containsEntry("owner", "a node"));
    assertThat(run(statement("parked_events")))
        .singleElement()
        .satisfies(
            row ->
                assertThat(row)
                    .containsEntry("stream_id", "order-1")
                    .containsEntry("events", 2L)
                    .containsEntry("first", 1L)
                    .containsEntry("error", "the culprit"));
    assertThat(run(statement("discarded_events")))
        .singleElement()
        .satisfies(row -> assertThat(row).containsEntry("reason", "a duplicate"));
    assertThat(run(statement("projection_versions")))
        .extracting(row -> row.get("live"))
        .containsExactly(true, false);
    assertThat(run(statement("eventstore.imports")))
        .singleElement()
        .satisfies(row -> assertThat(row).containsEntry("items", 7L));
  }

  @Test
  void versions_of_projections_are_shown_with_the_live_one() throws Exception {
    Projections projections = Projections.of(store);
    try (Projection first =
            projections.create("visits", 1).definition((table, batch) -> {}).start();
        Projection second =
            projections.create("visits", 2).definition((table, batch) -> {}).start()) {
      first.promote(Duration.ofSeconds(30));

      assertThat(run(statement("projection_versions")))
          .extracting(row -> row.get("version"), row -> row.get("live"))
          .containsExactly(tuple(1, true), tuple(second.version(), false));
    }
  }

  @Test
  void marks_of_one_former_series_are_removed_and_no_others() throws Exception {
    try (InputStream ddl = WatermarkInbox.class.getResourceAsStream("relay_marks.sql")) {
      execute(new String(ddl.readAllBytes(), StandardCharsets.UTF_8));
    }
    for (String relay : List.of("orders", "orders~2", "orders~3")) {
      for (String topic : List.of("orders", "public")) {
        execute(
            """
            insert into relay_marks
              (consumer_group, topic, partition, relay, lane, position, record_index)
            values ('billing', '%s', 0, '%s', 0, 7, 0)
            """
                .formatted(topic, relay));
      }
    }

    execute(statement("delete from relay_marks"));

    assertThat(run("select topic, relay from relay_marks"))
        .extracting(row -> row.get("topic") + " " + row.get("relay"))
        .containsExactlyInAnyOrder(
            "orders orders",
            "orders orders~3",
            "public orders",
            "public orders~2",
            "public orders~3");
  }

  /** Fails when a statement is added to the page without a test here. */
  @Test
  void there_are_no_other_statements() throws IOException {
    assertThat(statements()).hasSize(13);
  }

  private static String statement(String about) throws IOException {
    List<String> found = statements().stream().filter(sql -> sql.contains(about)).toList();
    assertThat(found).as("statements about %s", about).hasSize(1);
    return found.get(0);
  }

  private static List<String> statements() throws IOException {
    String guide = Files.readString(Project.folder().resolve("docs/operating.md"));
    return BLOCK
        .matcher(guide)
        .results()
        .map(MatchResult::group)
        .map(OperatingTest::inner)
        .toList();
  }

  private static String inner(String block) {
    return block.strip().replaceFirst("^```sql\n", "").replaceFirst("```$", "");
  }

  private Connection begin() throws SQLException {
    Connection connection = database.open();
    connection.setAutoCommit(false);
    return connection;
  }

  private void append(String stream, Connection transaction) {
    (transaction == null ? store : store.within(transaction))
        .append(
            StreamId.parse(stream),
            ExpectedVersion.any(),
            List.of(EncodedEvent.of("happened", 1, "{}")));
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = database.open()) {
      execute(connection, sql);
    }
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private List<Map<String, Object>> run(String sql) throws SQLException {
    try (Connection connection = database.open()) {
      return run(connection, sql);
    }
  }

  private static List<Map<String, Object>> run(Connection connection, String sql)
      throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      List<Map<String, Object>> found = new ArrayList<>();
      while (rows.next()) {
        Map<String, Object> row = new LinkedHashMap<>();
        for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) {
          row.put(rows.getMetaData().getColumnLabel(i), rows.getObject(i));
        }
        found.add(row);
      }
      return found;
    }
  }
}
