package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A rare category in a log of others. Statements and rows are counted, because times would prove
 * nothing.
 */
@ExtendWith(PostgresExtension.class)
class CategoryReadTest {

  private static final int LOG = 60_000;
  private static final int RARE = LOG / 100;
  private static final int FEW_MORE = 200;
  private static final EventQuery RARE_ONES = EventQuery.all().categories("rare");

  private TestStore store;

  /** One connection to read with, so that its prepared statements are used again. */
  @BeforeEach
  void open(Database database) throws SQLException {
    store = new TestStore(database, 3, builder -> builder);
    store.execute("alter table eventstore.events set (autovacuum_enabled = off)");
  }

  @AfterEach
  void close() {
    store.close();
  }

  /** Every hundredth event is of the category, in streams of ten. */
  private void fill() throws Exception {
    store.store.importer().run(IntStream.range(0, LOG).mapToObj(CategoryReadTest::item));
  }

  private static ImportedEvent item(int number) {
    String category = number % 100 == 0 ? "rare" : "common";
    return ImportedEvent.of(
        StreamId.of(category, Integer.toString(number / 1_000)),
        EncodedEvent.of(number % 2_000 == 0 ? "even" : "happened", 1, Integer.toString(number)));
  }

  private List<RecordedEvent> readPage(EventQuery query, int limit, int maxStatements) {
    List<RecordedEvent> events = new ArrayList<>();
    Position after = Position.START;
    EventPage page;
    int statements = 0;
    do {
      page = store.store.readPage(query, after, limit);
      events.addAll(page.events());
      after = page.upTo();
      statements++;
    } while (!page.isLast());
    assertThat(after).isEqualTo(store.store.highWaterMark());
    assertThat(statements).isLessThanOrEqualTo(maxStatements);
    return events;
  }

  /** How many rows of events or of its indexes were touched since the last call. */
  private long rowsTouched() {
    // A connection reports its counts when it ends; the store may still open one to notify.
    await()
        .atMost(Duration.ofSeconds(30))
        .until(
            () -> {
              store.pool.getHikariPoolMXBean().softEvictConnections();
              return connections() == 0;
            });
    try {
      long rows =
          Long.parseLong(
              store.query(
                  "select sum(idx_tup_read) + (select seq_tup_read from pg_stat_user_tables"
                      + " where relid = 'eventstore.events'::regclass)"
                      + " from pg_stat_user_indexes"
                      + " where relid = 'eventstore.events'::regclass"));
      store.execute("select pg_stat_reset()");
      return rows;
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  private long connections() throws SQLException {
    return Long.parseLong(
        store.query(
            "select count(*) from pg_stat_activity where datname = current_database()"
                + " and pid <> pg_backend_pid() and backend_type = 'client backend'"));
  }

  @Test
  void a_rare_category_is_read_in_few_statements_that_look_at_little_else() throws Exception {
    fill();
    rowsTouched();

    List<RecordedEvent> events = readPage(RARE_ONES, 200, 4);

    assertThat(events).hasSize(RARE);
    assertThat(events).isSortedAccordingTo((a, b) -> a.position().compareTo(b.position()));
    assertThat(events).allMatch(e -> e.stream().category().equals("rare"));
    assertThat(rowsTouched()).isLessThan(RARE + FEW_MORE);
  }

  @ParameterizedTest
  @CsvSource({"1, 1, false", "1, 1, true", "2000, 2, true", "2000, 100, true"})
  void a_plan_made_when_the_log_was_small_is_right_when_it_has_grown(
      int size, int share, boolean analyzed) throws Exception {
    // Statistics of a log in which the category is everything, or half of it, or none at all.
    store
        .store
        .importer()
        .run(
            IntStream.range(0, size)
                .mapToObj(
                    i ->
                        ImportedEvent.of(
                            StreamId.of(i % share == 0 ? "rare" : "common", "first"),
                            TestStore.raw("happened"))));
    int before = size / share;
    if (analyzed) {
      store.execute("analyze eventstore.events");
    }
    for (int i = 0; i < 12; i++) {
      readPage(RARE_ONES, 200, 6);
      readPage(EventQuery.all().categories("rare", "other"), 200, 6);
    }
    fillKeepingConnections();
    store.execute("select pg_stat_reset()");

    assertThat(readPage(RARE_ONES, 200, 9)).hasSize(RARE + before);
    assertThat(readPage(EventQuery.all().categories("rare", "other"), 200, 9))
        .hasSize(RARE + before);

    // A connection reports its counts when it ends, including those of earlier readings.
    assertThat(rowsTouched()).isLessThan(26L * before + 2 * (RARE + FEW_MORE));
  }

  @Test
  void the_plan_for_the_whole_log_is_right_too_when_it_has_grown() throws Exception {
    store.append("first-1");
    store.execute("analyze eventstore.events");
    for (int i = 0; i < 12; i++) {
      readPage(EventQuery.all(), 10_000, 1);
      readPage(EventQuery.all().types("even"), 10_000, 1);
    }
    fillKeepingConnections();
    store.execute("select pg_stat_reset()");

    assertThat(readPage(EventQuery.all(), 10_000, 7)).hasSize(LOG + 1);
    assertThat(readPage(EventQuery.all().types("even"), 10_000, 4)).hasSize(LOG / 2_000);

    // The first reads a window of 20,000 positions for each 10,000 events that it takes: no more.
    assertThat(rowsTouched()).isLessThan(2 * (LOG + FEW_MORE));
  }

  /** By another pool: the connections that have prepared statements stay. */
  private void fillKeepingConnections() throws Exception {
    try (TestStore other = new TestStore(store.database, 3, builder -> builder)) {
      other.store.importer().run(IntStream.range(0, LOG).mapToObj(CategoryReadTest::item));
    }
    // They report their counts when they end.
    await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> connections() == store.pool.getHikariPoolMXBean().getTotalConnections());
  }

  @Test
  void a_type_of_a_category_and_a_prefix_with_its_category_use_the_index_too() throws Exception {
    fill();
    rowsTouched();

    assertThat(readPage(RARE_ONES.types("even"), 200, 1)).hasSize(LOG / 2_000);
    assertThat(rowsTouched()).isLessThan(RARE + FEW_MORE);

    assertThat(readPage(EventQuery.all().streamPrefix("rare-1"), 200, 1)).hasSize(11 * 10);
    assertThat(rowsTouched()).isLessThan(RARE + FEW_MORE);

    assertThat(readPage(EventQuery.all().streamPrefix("rare-"), 1_000, 1)).hasSize(RARE);
    assertThat(rowsTouched()).isLessThan(RARE + FEW_MORE);
  }

  @Test
  void an_unknown_category_moves_a_reader_to_the_mark_immediately() throws Exception {
    fill();
    rowsTouched();

    assertThat(readPage(EventQuery.all().categories("none"), 200, 1)).isEmpty();

    assertThat(rowsTouched()).isLessThan(FEW_MORE);
  }

  static Stream<EventQuery> queries() {
    return Stream.of(
        RARE_ONES,
        EventQuery.all().categories("rare", "common"),
        EventQuery.all().categories("rare", "none"),
        EventQuery.all().categories("rare").types("even"),
        EventQuery.all().categories("rare", "common").types("even"),
        EventQuery.all().types("even"),
        EventQuery.all().streamPrefix("rare-"),
        EventQuery.all().streamPrefix("rare-2"),
        EventQuery.all().streamPrefix("ra"),
        EventQuery.all().streamPrefix("-"),
        EventQuery.all().categories("common").streamPrefix("rare-2"),
        RARE_ONES.or(EventQuery.all().categories("common").types("even")),
        RARE_ONES.or(RARE_ONES.types("even")),
        RARE_ONES.types("even").or(EventQuery.all().streamPrefix("rare-1")),
        RARE_ONES.or(EventQuery.all().types("even")),
        EventQuery.all().categories("a", "b", "c", "d", "e", "f", "g", "h", "rare"),
        EventQuery.all());
  }

  @ParameterizedTest
  @MethodSource("queries")
  void every_query_returns_what_matches_it_once_and_in_order(EventQuery query) throws Exception {
    store.store.importer().run(IntStream.range(0, 6_000).mapToObj(CategoryReadTest::item));
    List<Position> all =
        store.settledAfter(Position.START).stream()
            .filter(query::matches)
            .map(RecordedEvent::position)
            .toList();

    assertThat(readPage(query, 50, 1_000).stream().map(RecordedEvent::position))
        .containsExactlyElementsOf(all);
  }

  @Test
  void a_subscription_to_a_category_misses_nothing_of_it_while_others_append() throws Exception {
    List<RecordedEvent> seen = Collections.synchronizedList(new ArrayList<>());
    try (Subscription subscription =
        Subscriptions.of(store.store)
            .create("rare")
            .query(RARE_ONES)
            .batchSize(10)
            .handler(batch -> seen.addAll(batch.events()))
            .start()) {
      try (TestStore other = new TestStore(store.database)) {
        other
            .store
            .importer()
            .batch(500)
            .run(IntStream.range(0, 20_000).mapToObj(CategoryReadTest::item));
      }
      subscription.awaitApplied(store.append("rare-last"), Duration.ofSeconds(60));
    }
    assertThat(seen.stream().map(e -> e.encoded().data()))
        .containsExactlyElementsOf(
            Stream.concat(
                    IntStream.range(0, 200).mapToObj(i -> Integer.toString(100 * i)),
                    Stream.of("{}"))
                .toList());
  }
}
