package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.postgresql.PGConnection;

@ExtendWith(PostgresExtension.class)
@Order(1)
class ImporterTest {

  private static final int STREAMS = 37;

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private TestStore store;

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
  }

  @AfterEach
  void close() throws InterruptedException {
    store.close();
    threads.shutdownNow();
    assertThat(threads.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
  }

  /** The same items each time, without ids: their numbers are in their data. */
  static Stream<ImportedEvent> items(int count) {
    return IntStream.rangeClosed(1, count).mapToObj(ImporterTest::item);
  }

  private static ImportedEvent item(int number) {
    return ImportedEvent.of(
        StreamId.of("order", Integer.toString(number % STREAMS)),
        EncodedEvent.of("happened", 1, Integer.toString(number)));
  }

  private static Iterator<ImportedEvent> failingAfter(int count) {
    return Stream.concat(
            items(count),
            Stream.generate(
                () -> {
                  throw new IllegalStateException("the file cannot be read");
                }))
        .iterator();
  }

  private Importer importer() {
    return store.store.importer();
  }

  /** Every item once, each stream's in order. */
  private void assertImported(int count) {
    assertImported(store, count);
  }

  private static void assertImported(TestStore store, int count) {
    List<RecordedEvent> events = store.settledAfter(Position.START);
    assertThat(events.stream().map(e -> Integer.parseInt(e.encoded().data())))
        .containsExactlyElementsOf(IntStream.rangeClosed(1, count).boxed().toList());
    assertVersionsHaveNoGaps(events);
  }

  private static void assertVersionsHaveNoGaps(List<RecordedEvent> events) {
    Map<StreamId, Long> versions = new HashMap<>();
    for (RecordedEvent event : events) {
      assertThat(event.version()).isEqualTo(versions.merge(event.stream(), 1L, Long::sum));
    }
  }

  private String count(String table) throws SQLException {
    return store.query("select count(*) from eventstore." + table);
  }

  @Test
  void a_name_that_cannot_be_stored_as_it_is_is_refused() {
    for (String bad : List.of("", " ", "a\0b", "\ud83d", "\ude00!", "x".repeat(201))) {
      assertThatThrownBy(() -> importer().named(bad)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void imported_events_are_read_like_appended_ones() throws Exception {
    StreamId stream = StreamId.of("order", "ä-1");
    UUID id = UUID.randomUUID();
    Metadata metadata = Metadata.none().withOccurredAt(Instant.parse("2011-10-01T08:00:00Z"));
    NewEvent event =
        NewEvent.of(EncodedEvent.of("placed", 3, "{\"x\" : \"€\"}"))
            .withId(id)
            .withMetadata(metadata);

    ImportProgress end = importer().run(List.of(ImportedEvent.of(stream, event)));
    store.store.append(stream, ExpectedVersion.exactly(1), List.of(event.withId(new UUID(0, 1))));

    List<RecordedEvent> read = store.store.read(stream);
    RecordedEvent imported = read.get(0);
    RecordedEvent appended = read.get(1);
    assertThat(imported.id()).isEqualTo(id);
    assertThat(imported.position()).isEqualTo(end.lastPosition());
    assertThat(imported.encoded().data()).isEqualTo("{\"x\" : \"€\"}");
    assertThat(imported.encoded().revision()).isEqualTo(3);
    assertThat(imported.metadata()).isEqualTo(metadata).isEqualTo(appended.metadata());
    assertThat(imported.recordedAt())
        .isBetween(appended.recordedAt().minusSeconds(60), appended.recordedAt());
    assertThat(store.query("select string_agg(distinct category, ',') from eventstore.events"))
        .isEqualTo("order");
    assertThat(store.query("select category || version from eventstore.streams"))
        .isEqualTo("order2");
  }

  @Test
  void events_go_to_the_ends_of_new_and_existing_streams_in_the_order_of_the_source()
      throws Exception {
    store.append("order-1");
    store.append("order-1");
    store.append("zebra-1");

    ImportProgress end = importer().batch(100).run(items(1_234));

    assertThat(end.items()).isEqualTo(1_234);
    assertThat(end.itemsOfThisRun()).isEqualTo(1_234);
    List<RecordedEvent> events = store.settledAfter(Position.START);
    assertThat(events.subList(3, events.size()).stream().map(e -> e.encoded().data()))
        .containsExactlyElementsOf(items(1_234).map(ImporterTest::data).toList());
    assertVersionsHaveNoGaps(events);
    assertThat(store.append("order-1").version()).isEqualTo(2 + 1_234 / STREAMS + 2);
  }

  private static String data(ImportedEvent item) {
    return ((EncodedEvent) item.event().payload()).data();
  }

  @Test
  void progress_is_reported_after_each_batch() throws Exception {
    List<ImportProgress> told = new ArrayList<>();

    ImportProgress end = importer().batch(100).onProgress(told::add).run(items(250).toList());

    assertThat(told.stream().map(ImportProgress::items)).containsExactly(100L, 200L, 250L);
    assertThat(told.get(2).lastPosition()).isEqualTo(end.lastPosition());
    assertThat(end.lastPosition()).isEqualTo(store.store.highWaterMark());
    assertThat(told.get(0).lastPosition()).isLessThan(end.lastPosition());
    assertThat(end.eventsPerSecond()).isPositive();
  }

  @Test
  void an_empty_source_is_imported_at_once() throws Exception {
    assertThat(importer().run(List.of()).lastPosition()).isEqualTo(Position.START);

    ImportProgress end = importer().named("nothing").run(List.of());

    assertThat(end.items()).isZero();
    assertThat(count("events")).isEqualTo("0");
    assertThat(store.query("select finished_at is not null from eventstore.imports"))
        .isEqualTo("t");
  }

  @Test
  void huge_events_are_written_in_smaller_batches() throws Exception {
    String text = '"' + "x".repeat(800 * 1024) + '"';
    List<ImportProgress> told = new ArrayList<>();

    importer()
        .onProgress(told::add)
        .run(
            IntStream.range(0, 50)
                .mapToObj(
                    i ->
                        ImportedEvent.of(
                            StreamId.of("huge", "1"), EncodedEvent.of("huge", 1, text))));

    assertThat(told).hasSizeGreaterThan(2);
    assertThat(told.get(0).items()).isLessThan(25);
    assertThat(store.query("select sum(length(data::text)) from eventstore.events"))
        .isEqualTo(Integer.toString(50 * text.length()));
  }

  @Test
  void a_bad_item_is_refused_before_anything_of_its_batch_is_written() throws Exception {
    ImportedEvent bad = ImportedEvent.of(StreamId.of("order", "x"), EncodedEvent.of("t", 1, "{"));

    assertThatThrownBy(() -> importer().batch(100).run(Stream.concat(items(250), Stream.of(bad))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("item 251, for stream order-x")
        .hasMessageContaining("not JSON")
        .hasMessageContaining("first 200 items are imported");

    assertImported(200);
  }

  @Test
  void items_are_refused_for_the_same_reasons_as_by_an_append() throws Exception {
    StreamId stream = StreamId.of("order", "1");
    String big = '"' + "x".repeat(900 * 1024) + '"';

    assertRefused(NewEvent.of(EncodedEvent.of("big", 1, big)), "at most 921600 are allowed");
    assertRefused(NewEvent.of("a string"), "not registered");
    assertRefused(NewEvent.of(EncodedEvent.of("t", 1, "\"\\u0000\"")), "cannot hold");
    assertRefused(
        NewEvent.of(EncodedEvent.of("t", 1, "1"))
            .withMetadata(Metadata.of(Map.of("user", "\u0000"))),
        "metadata");
    assertThatThrownBy(() -> ImportedEvent.of(stream, null))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(count("events")).isEqualTo("0");
    assertThat(count("streams")).isEqualTo("0");
  }

  private void assertRefused(NewEvent event, String why) {
    assertThatThrownBy(
            () ->
                importer()
                    .run(Stream.of(item(1), ImportedEvent.of(StreamId.of("order", "2"), event))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("item 2, for stream order-2")
        .hasMessageContaining(why)
        .hasMessageContaining("none of its items are imported");
  }

  @Test
  void json_that_only_the_server_finds_wrong_is_refused_with_its_batch(Database database)
      throws Exception {
    EventCodec blind = new BlindCodec(store.store.unwrap(EventCodec.class).orElseThrow());
    ImportedEvent bad = ImportedEvent.of(StreamId.of("order", "x"), EncodedEvent.of("t", 1, "{"));
    try (TestStore trusting = new TestStore(database, 5, builder -> builder.codec(blind))) {
      assertThatThrownBy(
              () ->
                  trusting
                      .store
                      .importer()
                      .batch(100)
                      .run(Stream.concat(items(250), Stream.of(bad))))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("items 201 to 251")
          .hasMessageContaining("first 200 items are imported");
    }
    assertImported(200);
    assertThat(count("streams")).isEqualTo(Integer.toString(STREAMS));
  }

  @Test
  void a_tombstoned_stream_refuses_its_whole_batch() throws Exception {
    store.append("order-5");
    store.execute("update eventstore.streams set tombstoned_at = now()");

    assertThatThrownBy(() -> importer().batch(10).run(items(50)))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("stream order-5 is tombstoned")
        .hasMessageContaining("none of its items are imported");

    assertThat(count("events")).isEqualTo("1");
    assertThat(count("streams")).isEqualTo("1");
  }

  @Test
  void a_named_import_resumes_where_its_source_failed() throws Exception {
    Importer importer = importer().named("orders").batch(100);
    assertThatThrownBy(() -> importer.run(failingAfter(250)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the file cannot be read");
    assertImported(200);

    ImportProgress end = importer.batch(70).run(items(1_000));

    assertThat(end.items()).isEqualTo(1_000);
    assertThat(end.itemsOfThisRun()).isEqualTo(800);
    assertImported(1_000);
  }

  @Test
  void a_named_import_that_is_run_again_imports_only_what_is_new() throws Exception {
    Importer importer = importer().named("orders").batch(100);
    ImportProgress first = importer.run(items(300));
    ImportProgress again = importer.run(items(300));

    assertThat(again.items()).isEqualTo(300);
    assertThat(again.itemsOfThisRun()).isZero();
    assertThat(again.lastPosition()).isEqualTo(first.lastPosition());

    assertThat(importer.run(items(350)).itemsOfThisRun()).isEqualTo(50);
    assertImported(350);
  }

  @Test
  void another_source_under_the_same_name_is_refused() throws Exception {
    Importer importer = importer().named("orders").batch(100);
    importer.run(items(300));

    assertThatThrownBy(() -> importer.run(items(299)))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("another source")
        .hasMessageContaining("299 items, but 300 were imported");
    assertThatThrownBy(() -> importer.run(items(500).skip(1)))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("its item 300 is for stream order-5");
    // The last item is the same, one before it is not.
    List<ImportedEvent> swapped = new ArrayList<>(items(300).toList());
    Collections.swap(swapped, 100, 101);
    assertThatThrownBy(() -> importer.run(swapped)).isInstanceOf(EventStoreException.class);
    assertImported(300);
  }

  @Test
  void a_source_with_other_ids_is_another_source() throws Exception {
    Importer importer = importer().named("ids").batch(10);
    importer.run(IntStream.range(0, 25).mapToObj(i -> withId(i, 1)));

    assertThatThrownBy(() -> importer.run(IntStream.range(0, 25).mapToObj(i -> withId(i, 2))))
        .isInstanceOf(EventStoreException.class);
    assertThat(importer.run(IntStream.range(0, 26).mapToObj(i -> withId(i, 1))).items())
        .isEqualTo(26);
  }

  private static ImportedEvent withId(int number, int namespace) {
    return ImportedEvent.of(
        StreamId.of("order", "1"),
        NewEvent.of(TestStore.raw("happened")).withId(new UUID(namespace, number)));
  }

  @Test
  void of_two_runs_of_the_same_import_each_item_is_imported_by_one(Database database)
      throws Exception {
    try (TestStore other = new TestStore(database)) {
      List<Future<ImportProgress>> runs = new ArrayList<>();
      for (TestStore one : List.of(store, other)) {
        runs.add(
            threads.submit(
                () -> one.store.importer().named("orders").batch(50).run(items(20_000))));
      }
      List<Throwable> refused = new ArrayList<>();
      for (Future<ImportProgress> run : runs) {
        try {
          assertThat(run.get(60, TimeUnit.SECONDS).items()).isEqualTo(20_000);
        } catch (ExecutionException e) {
          refused.add(e.getCause());
        }
      }
      assertThat(refused).hasSizeLessThan(2);
      assertThat(refused)
          .allSatisfy(
              e ->
                  assertThat(e)
                      .isInstanceOf(EventStoreException.class)
                      .hasMessageContaining("another process is running it"));
    }
    assertImported(20_000);
  }

  @Test
  void a_run_that_is_behind_another_run_of_the_same_import_is_refused() throws Exception {
    AtomicBoolean overtaken = new AtomicBoolean();
    Importer other = importer().named("orders").batch(100);
    Importer slow =
        other.onProgress(
            progress -> {
              if (overtaken.compareAndSet(false, true)) {
                try {
                  other.run(items(1_000));
                } catch (InterruptedException e) {
                  throw new AssertionError(e);
                }
              }
            });

    assertThatThrownBy(() -> slow.run(items(1_000)))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("is no longer at 100 items: another process is running it");
    assertImported(1_000);
  }

  @Tag("faults")
  @Test
  void a_process_killed_at_random_moments_imports_every_item_once(Database database)
      throws Exception {
    int items = 60_000;
    Random random = new Random(7);
    int kills = 0;
    long before = 0;
    while (kills < 6) {
      try (ImportProcess process = ImportProcess.start(database, items)) {
        long seen = before;
        await()
            .atMost(Duration.ofSeconds(60))
            .pollInterval(Duration.ofMillis(5))
            .until(() -> importedSoFar() > seen || !process.isRunning());
        assertThat(importedSoFar()).as("a process that ended by itself").isGreaterThan(seen);
        // Somewhere in the batches that follow, in the database or out of it.
        TimeUnit.MICROSECONDS.sleep(random.nextInt(20_000));
        process.killHard();
        kills++;
      }
      before = importedSoFar();
      assertThat(before % 500).isZero();
    }

    ImportProgress end = importer().named(ImportProcess.NAME).run(items(items));

    assertThat(end.items()).isEqualTo(items);
    assertThat(before).as("killed in the middle").isBetween(1L, items - 1L);
    assertImported(items);
  }

  private long importedSoFar() throws SQLException {
    return Long.parseLong(store.query("select coalesce(max(items), 0) from eventstore.imports"));
  }

  @Tag("faults")
  @Test
  void an_import_survives_a_crash_of_the_server() throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled());
      Database database = server.createDatabase();
      int items = 40_000;
      try (TestStore crashing = new TestStore(database)) {
        crashing.pool.setConnectionTimeout(2_000);
        // While the second batch is being written, or has just been.
        Stream<ImportedEvent> source =
            items(items)
                .peek(
                    item -> {
                      if (data(item).equals("10010")) {
                        server.killHard();
                      }
                    });
        Future<ImportProgress> run =
            threads.submit(
                () -> crashing.store.importer().named("orders").batch(5_000).run(source));
        assertThatThrownBy(() -> run.get(60, TimeUnit.SECONDS))
            .isInstanceOf(ExecutionException.class)
            .cause()
            .isInstanceOf(EventStoreException.class)
            .hasMessageContaining("import orders");
      }
      server.restart();
      try (TestStore again = new TestStore(database)) {
        ImportProgress end = again.store.importer().named("orders").batch(500).run(items(items));
        assertThat(end.items()).isEqualTo(items);
        assertThat(end.itemsOfThisRun()).isLessThanOrEqualTo(items - 5_000);
        assertImported(again, items);
      }
    }
  }

  @Test
  void a_lost_connection_leaves_the_outcome_unknown_and_running_again_is_safe() throws Exception {
    Importer importer = importer().named("orders").batch(100);
    importer.run(items(100));
    try (Connection stranger = store.begin()) {
      TestStore.execute(
          stranger, "select * from eventstore.streams where stream_id = 'order-1' for update");
      Future<ImportProgress> run = threads.submit(() -> importer.run(items(300)));
      awaitWaiting();
      store.query(
          "select count(pg_terminate_backend(pid)) from pg_stat_activity"
              + " where wait_event_type = 'Lock' and datname = current_database()");
      assertThatThrownBy(() -> run.get(30, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(OutcomeUnknownException.class)
          .hasMessageContaining("items 101 to 200 may have been committed or not")
          .hasMessageContaining("Run it again");
    }
    assertThat(importer.run(items(300)).items()).isEqualTo(300);
    assertImported(300);
  }

  private void awaitWaiting() {
    await()
        .atMost(Duration.ofSeconds(30))
        .until(
            () ->
                store
                    .query(
                        "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                            + " and datname = current_database()")
                    .equals("1"));
  }

  @Test
  void a_locked_stream_delays_the_import_and_never_the_mark() throws Exception {
    store.append("order-1");
    waitsWithoutHoldingTheMarkBack(
        "select * from eventstore.streams where stream_id = 'order-1' for update", importer());
  }

  @Test
  void a_locked_row_of_the_import_delays_the_import_and_never_the_mark() throws Exception {
    Importer importer = importer().named("orders");
    importer.run(List.of());
    waitsWithoutHoldingTheMarkBack("select * from eventstore.imports for update", importer);
  }

  private void waitsWithoutHoldingTheMarkBack(String lock, Importer importer) throws Exception {
    int before = store.settled().size();
    Future<ImportProgress> run;
    try (Connection stranger = store.begin()) {
      TestStore.execute(stranger, lock);
      run = threads.submit(() -> importer.run(items(100)));
      awaitWaiting();

      store.append("zebra-1");
      store.append("zebra-2");

      assertThat(store.settled()).hasSize(before + 2).endsWith("zebra-1", "zebra-2");
    }
    assertThat(run.get(30, TimeUnit.SECONDS).items()).isEqualTo(100);
    assertThat(store.settled()).hasSize(before + 2 + 100);
  }

  @Test
  void no_transaction_is_open_while_the_source_is_read() throws Exception {
    Iterator<ImportedEvent> source =
        items(250)
            .peek(
                item -> {
                  // The batch before is being written; it ends, however long the source takes.
                  if (data(item).equals("250")) {
                    await()
                        .atMost(Duration.ofSeconds(30))
                        .until(
                            () -> store.settled().size() == 200 && openTransactions().equals("0"));
                  }
                })
            .iterator();

    importer().batch(100).run(source);

    assertImported(250);
  }

  private String openTransactions() {
    try {
      return store.query(
          "select count(*) from pg_stat_activity where datname = current_database()"
              + " and pid <> pg_backend_pid() and xact_start is not null"
              + " and backend_type = 'client backend'");
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void versions_are_right_while_others_append_to_the_same_streams() throws Exception {
    AtomicBoolean importing = new AtomicBoolean(true);
    List<Future<Integer>> appenders = new ArrayList<>();
    for (int a = 0; a < 3; a++) {
      Random random = new Random(a);
      appenders.add(
          threads.submit(
              () -> {
                int appended = 0;
                while (importing.get() || appended == 0) {
                  store.append("order-" + random.nextInt(STREAMS));
                  appended++;
                }
                return appended;
              }));
    }

    importer().batch(200).run(items(10_000));

    importing.set(false);
    int expected = 10_000;
    for (Future<Integer> appender : appenders) {
      expected += appender.get(30, TimeUnit.SECONDS);
    }
    List<RecordedEvent> events = store.settledAfter(Position.START);
    assertThat(events).hasSize(expected);
    assertVersionsHaveNoGaps(events);
    assertThat(store.query("select sum(version) from eventstore.streams"))
        .isEqualTo(Integer.toString(expected));
  }

  @Test
  void a_live_subscription_misses_nothing_of_an_import_and_of_appends_beside_it() throws Exception {
    List<RecordedEvent> seen = Collections.synchronizedList(new ArrayList<>());
    AtomicBoolean importing = new AtomicBoolean(true);
    try (Subscription subscription =
        Subscriptions.of(store.store)
            .create("all")
            .batchSize(100)
            .handler(batch -> seen.addAll(batch.events()))
            .start()) {
      List<Future<?>> appenders = new ArrayList<>();
      for (int a = 0; a < 3; a++) {
        String stream = "other-" + a;
        appenders.add(
            threads.submit(
                () -> {
                  while (importing.get()) {
                    store.append(stream);
                  }
                }));
      }
      importer().batch(97).run(items(10_000));
      importing.set(false);
      for (Future<?> appender : appenders) {
        appender.get(30, TimeUnit.SECONDS);
      }
      subscription.awaitApplied(store.append("last-1"), Duration.ofSeconds(60));
    }
    assertThat(seen.stream().map(RecordedEvent::id))
        .containsExactlyElementsOf(
            store.settledAfter(Position.START).stream().map(RecordedEvent::id).toList());
    assertThat(seen).hasSizeGreaterThan(10_000);
  }

  @Test
  void readers_are_notified_in_this_and_in_other_processes() throws Exception {
    try (Connection listener = store.database.open()) {
      TestStore.execute(listener, "listen eventstore_appended");

      importer().run(items(100));

      assertThat(listener.unwrap(PGConnection.class).getNotifications(30_000)).isNotEmpty();
    }
  }

  @Test
  void an_interrupted_import_stops_between_two_batches() throws Exception {
    Importer importer = importer().named("orders").batch(100);
    Importer interrupted =
        importer.onProgress(
            progress -> {
              if (progress.items() == 200) {
                Thread.currentThread().interrupt();
              }
            });

    assertThatThrownBy(() -> interrupted.run(items(1_000)))
        .isInstanceOf(InterruptedException.class)
        .hasMessageContaining("items are imported");

    assertThat(Thread.interrupted()).isFalse();
    long there = Long.parseLong(count("events"));
    assertThat(there).isBetween(200L, 300L);
    assertThat(importer.run(items(1_000)).itemsOfThisRun()).isEqualTo(1_000 - there);
    assertImported(1_000);
  }

  @Test
  void closing_the_store_stops_an_import_between_two_batches(Database database) throws Exception {
    TestStore closing = new TestStore(database);
    Importer importer =
        closing
            .store
            .importer()
            .named("orders")
            .batch(100)
            .onProgress(
                progress -> {
                  if (progress.items() == 200) {
                    closing.close();
                  }
                });

    assertThatThrownBy(() -> importer.run(items(1_000)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("the event store is closed");

    assertThat(Long.parseLong(count("events")) % 100).isZero();
    importer().named("orders").run(items(1_000));
    assertImported(1_000);
  }

  @Test
  void a_listener_that_throws_ends_the_import_there() throws Exception {
    Importer importer =
        importer()
            .batch(100)
            .onProgress(
                progress -> {
                  throw new IllegalStateException("enough");
                });

    assertThatThrownBy(() -> importer.run(items(1_000))).hasMessage("enough");

    assertImported(100);
  }

  @Test
  void options_out_of_range_are_refused() {
    assertThatThrownBy(() -> importer().batch(0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> importer().batch(100_001))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> importer().named(" ")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> importer().named("x".repeat(201)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /** Passes everything through unchecked. */
  private record BlindCodec(EventCodec codec) implements EventCodec {

    @Override
    public EncodedEvent encode(NewEvent event, StreamId stream) {
      return (EncodedEvent) event.payload();
    }

    @Override
    public Object decode(RecordedEvent event) {
      return codec.decode(event);
    }

    @Override
    public String typeName(Class<?> payloadClass) {
      return codec.typeName(payloadClass);
    }

    @Override
    public byte[] encodeMetadata(Metadata metadata) {
      return codec.encodeMetadata(metadata);
    }

    @Override
    public Metadata decodeMetadata(byte[] json) {
      return codec.decodeMetadata(json);
    }
  }
}
