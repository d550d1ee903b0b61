package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.projection.InlineProjection;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The same definition in the transactions of appends, behind the store, and on demand. */
@ExtendWith(PostgresExtension.class)
class InlineProjectionTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final StreamId PAGE = StreamId.of("page", "1");

  private final List<RecordedEvent> handled = new ArrayList<>();
  private TestStore store;
  private InlineProjection inline;

  @BeforeEach
  void open(Database database) throws Exception {
    store = new TestStore(database);
    try (Connection connection = database.open()) {
      new Visits().create("visits_inline", connection);
    }
    inline = InlineProjection.of(store.store, "visits_inline", EventQuery.all(), recording());
  }

  @AfterEach
  void close() {
    store.close();
  }

  private Visits recording() {
    return new Visits() {
      @Override
      public void handle(String table, EventBatch batch) throws Exception {
        super.handle(table, batch);
        handled.addAll(batch.events());
      }
    };
  }

  private static AppendResult append(EventStreams streams, StreamId stream) {
    return streams.append(stream, ExpectedVersion.any(), List.of(TestStore.raw("happened")));
  }

  private String table(String name) throws SQLException {
    try (Connection connection = store.database.open()) {
      return Visits.read(name, connection);
    }
  }

  @Test
  void writes_of_a_definition_commit_with_the_append() throws Exception {
    try (Connection connection = store.begin()) {
      append(inline.within(connection), PAGE);
      assertThat(Visits.read("visits_inline", connection)).isEqualTo("page-1 1 1");
      assertThat(table("visits_inline")).isEmpty();
      connection.commit();
    }
    assertThat(table("visits_inline")).isEqualTo("page-1 1 1");
  }

  @Test
  void writes_of_a_definition_are_rolled_back_with_the_append() throws Exception {
    try (Connection connection = store.begin()) {
      append(inline.within(connection), PAGE);
      connection.rollback();
    }
    assertThat(table("visits_inline")).isEmpty();
    assertThat(store.store.read(PAGE)).isEmpty();
  }

  @Test
  void a_definition_that_ends_the_callers_transaction_is_reported() throws Exception {
    InlineProjection refused =
        InlineProjection.of(
            store.store,
            "visits_inline",
            EventQuery.all(),
            (t, batch) -> batch.connection().commit());
    InlineProjection behind =
        InlineProjection.of(
            store.store,
            "visits_inline",
            EventQuery.all(),
            (t, batch) -> TestStore.execute(batch.connection(), "rollback"));
    try (Connection connection = store.begin()) {
      assertThatThrownBy(() -> append(refused.within(connection), PAGE))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("must not call commit");
      // What was refused has ended nothing.
      append(inline.within(connection), PAGE);
      connection.commit();
      assertThatThrownBy(() -> append(behind.within(connection), PAGE))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("has ended the caller's transaction");
    }
    assertThat(table("visits_inline")).startsWith("page-1 1 ");
  }

  @Test
  void a_definition_gets_the_stored_events_in_their_order() throws Exception {
    store.append("page-1");
    Append several =
        Append.to(
                StreamId.of("z", "1"),
                ExpectedVersion.any(),
                List.of(TestStore.raw("a"), TestStore.raw("b")))
            .and(PAGE, ExpectedVersion.exactly(1), List.of(TestStore.raw("c"), TestStore.raw("d")));
    try (Connection connection = store.begin()) {
      inline.within(connection).append(several);
      connection.commit();
    }
    assertThat(handled)
        .extracting(RecordedEvent::toString)
        .containsExactlyElementsOf(
            store.settledAfter(dev.pgeventstore.Position.of(1)).stream()
                .map(RecordedEvent::toString)
                .toList())
        .hasSize(4);
  }

  @Test
  void unwanted_events_are_appended_without_calling_the_definition() throws Exception {
    InlineProjection pages =
        InlineProjection.of(
            store.store, "visits_inline", EventQuery.all().categories("page"), recording());
    try (Connection connection = store.begin()) {
      EventStreams streams = pages.within(connection);
      append(streams, StreamId.of("order", "1"));
      append(streams, PAGE);
      connection.commit();
    }
    assertThat(table("visits_inline")).isEqualTo("page-1 1 2");
    assertThat(store.settled()).containsExactly("order-1", "page-1");
  }

  @Test
  void a_retry_of_an_append_is_not_applied_again() throws Exception {
    NewEvent event = TestStore.event("happened");
    for (int i = 0; i < 2; i++) {
      try (Connection connection = store.begin()) {
        AppendResult result =
            inline.within(connection).append(PAGE, ExpectedVersion.noStream(), List.of(event));
        assertThat(result.replayed()).isEqualTo(i == 1);
        connection.commit();
      }
    }
    assertThat(table("visits_inline")).isEqualTo("page-1 1 1");
  }

  @Test
  void an_append_that_cannot_be_applied_is_rolled_back_and_the_transaction_continues()
      throws Exception {
    Visits failing =
        new Visits() {
          @Override
          public void handle(String table, EventBatch batch) throws Exception {
            super.handle(table, batch);
            throw new IOException("no ink");
          }
        };
    InlineProjection broken =
        InlineProjection.of(store.store, "visits_inline", EventQuery.all(), failing);
    try (Connection connection = store.begin()) {
      append(inline.within(connection), StreamId.of("page", "before"));
      assertThatThrownBy(() -> append(broken.within(connection), PAGE))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("no ink")
          .hasCauseInstanceOf(IOException.class);
      append(inline.within(connection), StreamId.of("page", "after"));
      connection.commit();
    }
    assertThat(store.store.read(PAGE)).isEmpty();
    assertThat(store.settled()).containsExactly("page-before", "page-after");
    assertThat(table("visits_inline")).startsWith("page-after 1 ").contains("page-before 1 1");
  }

  @Test
  void an_append_whose_definition_continues_after_a_failed_statement_is_rolled_back()
      throws Exception {
    Visits careless =
        new Visits() {
          @Override
          public void handle(String table, EventBatch batch) throws Exception {
            super.handle(table, batch);
            assertThatThrownBy(() -> TestStore.execute(batch.connection(), "select 1 / 0"))
                .isInstanceOf(SQLException.class);
          }
        };
    InlineProjection broken =
        InlineProjection.of(store.store, "visits_inline", EventQuery.all(), careless);
    try (Connection connection = store.begin()) {
      assertThatThrownBy(() -> append(broken.within(connection), PAGE))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("nothing was appended");
      append(inline.within(connection), StreamId.of("page", "after"));
      connection.commit();
    }
    assertThat(store.settled()).containsExactly("page-after");
    assertThat(table("visits_inline")).startsWith("page-after 1 ");
  }

  @Test
  void a_conflict_applies_nothing_and_leaves_the_transaction_usable() throws Exception {
    store.append("page-1");
    try (Connection connection = store.begin()) {
      EventStreams streams = inline.within(connection);
      assertThatThrownBy(
              () ->
                  streams.append(
                      PAGE, ExpectedVersion.noStream(), List.of(TestStore.raw("happened"))))
          .isInstanceOf(ConflictException.class);
      append(streams, PAGE);
      connection.commit();
    }
    assertThat(table("visits_inline")).isEqualTo("page-1 1 2");
  }

  @Test
  void inline_subscribed_and_on_demand_projections_give_the_same_result() throws Exception {
    Random random = new Random(42);
    Projections projections = Projections.of(store.store);
    try (Projection behind =
            projections.create("visits", 1).batchSize(7).definition(new Visits()).start();
        Connection connection = store.begin()) {
      EventStreams streams = inline.within(connection);
      AppendResult last = append(streams, PAGE);
      for (int i = 0; i < 700; i++) {
        AppendResult appended = append(streams, StreamId.of("page", "" + random.nextInt(5)));
        if (random.nextInt(4) == 0) {
          connection.rollback();
        } else if (random.nextInt(3) == 0) {
          connection.commit();
          last = appended;
        }
      }
      connection.rollback();
      behind.awaitApplied(last, PATIENCE);

      String expected = table("visits_inline");
      assertThat(expected).hasSizeGreaterThan(40);
      assertThat(table("visits_v1")).isEqualTo(expected);
      assertThat(projections.onDemand(EventQuery.all(), new Visits(), Visits::read))
          .isEqualTo(expected);
      assertThat(expected)
          .startsWith(
              projections.onDemand(StreamId.of("page", "0"), new Visits(), Visits::read) + ",");
    }
  }

  @Test
  void a_projection_on_demand_leaves_nothing_behind() throws Exception {
    store.append("page-1");
    String tables = "select string_agg(tablename, ' ') from pg_tables where schemaname = 'public'";
    String before = store.query(tables);
    Projections projections = Projections.of(store.store);
    String table =
        projections.onDemand(
            EventQuery.all(),
            new Visits(),
            (name, connection) -> {
              assertThat(Visits.read(name, connection)).isEqualTo("page-1 1 1");
              return name;
            });
    assertThatThrownBy(
            () ->
                projections.onDemand(
                    EventQuery.all(),
                    new Visits(),
                    (name, connection) -> {
                      throw new IOException("no question");
                    }))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("no question");
    assertThatThrownBy(
            () ->
                projections.onDemand(
                    EventQuery.all(),
                    new Visits(),
                    (name, connection) -> {
                      connection.commit();
                      return name;
                    }))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("must not call commit");

    assertThat(table).startsWith("on_demand_");
    assertThat(store.query(tables)).isEqualTo(before);
    assertThat(store.query("select count(*) from eventstore.subscriptions")).isEqualTo("0");
  }

  @Test
  void a_projection_on_demand_has_the_events_that_were_settled_when_it_was_called()
      throws Exception {
    // More than a page, so that the rest is read when there is one more.
    store.store.append(
        PAGE, ExpectedVersion.noStream(), Collections.nCopies(501, TestStore.raw("happened")));
    Visits appending =
        new Visits() {
          @Override
          public void create(String table, Connection connection) throws SQLException {
            super.create(table, connection);
            store.append("page-1");
          }
        };
    assertThat(Projections.of(store.store).onDemand(EventQuery.all(), appending, Visits::read))
        .isEqualTo("page-1 501 501");
  }
}
