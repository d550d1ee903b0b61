package dev.pgeventstore.postgres;

import static dev.pgeventstore.EventQuery.all;
import static dev.pgeventstore.Position.START;
import static dev.pgeventstore.spi.EventFeed.Durability.FLUSHED;
import static dev.pgeventstore.spi.EventFeed.Durability.VISIBLE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.internal.scheduling.TurnedClock;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Readers in one process read the log once together, and miss nothing. */
@ExtendWith(PostgresExtension.class)
class SharedReadersTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int PAGE = 100;

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private TestStore store;
  private CountingDataSource counting;
  private PostgresEventStore counted;

  /** The position at which readers beside writers stop. */
  private volatile long end = Long.MAX_VALUE;

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
    counting = new CountingDataSource(store.pool);
    counted =
        PostgresEventStore.builder(counting).codec(JacksonCodec.of(EventTypes.none())).build();
  }

  @AfterEach
  void close() {
    threads.shutdownNow();
    counted.close();
    store.close();
  }

  /** Each event in the category of its number. */
  private void importEvents(int count, int categories) throws InterruptedException {
    store
        .store
        .importer()
        .run(
            IntStream.range(0, count)
                .mapToObj(
                    i ->
                        ImportedEvent.of(
                            StreamId.of("c" + i % categories, Integer.toString(i / 10)),
                            TestStore.raw("happened"))));
  }

  /**
   * Pages are kept for seconds. {@code slow} is at its first batch for longer, reads its second
   * afresh, and so leaves a page that begins within one that {@code other} reads after that.
   */
  @Test
  void a_subscription_beside_slower_ones_gets_each_event_once_and_in_order() throws Exception {
    importEvents(60, 1);
    TurnedClock clock = TurnedClock.running();
    CountDownLatch slowHasBegun = new CountDownLatch(1);
    CountDownLatch slowMayGoOn = new CountDownLatch(1);
    List<Long> handled = Collections.synchronizedList(new ArrayList<>());
    try (PostgresEventStore turned =
        PostgresEventStore.builder(store.pool)
            .codec(JacksonCodec.of(EventTypes.none()))
            .scheduler(clock)
            .build()) {
      Subscriptions subscriptions = Subscriptions.of(turned);
      Subscription slow =
          subscriptions
              .create("slow")
              .batchSize(20)
              .handler(
                  batch -> {
                    slowHasBegun.countDown();
                    slowMayGoOn.await();
                  })
              .start();
      slowHasBegun.await();
      clock.turn(Duration.ofSeconds(6));
      slowMayGoOn.countDown();
      awaitPosition(slow, 60);
      awaitPosition(subscriptions.create("other").batchSize(30).handler(batch -> {}).start(), 60);

      Subscription view =
          subscriptions
              .create("view")
              .handler(
                  batch -> batch.events().forEach(event -> handled.add(event.position().value())))
              .start();
      awaitPosition(view, 60);
    }

    assertThat(handled).isEqualTo(LongStream.rangeClosed(1, 60).boxed().toList());
  }

  /**
   * The lanes of relays read as much at once as comes, so their pages end where the bytes do: a
   * lane that has fallen behind reads afresh from within the first page of the next relay.
   */
  @Test
  void relay_lanes_of_different_pace_get_each_event_once_and_in_order() throws Exception {
    TurnedClock clock = TurnedClock.running();
    String text = "\"" + "x".repeat(60_000) + "\"";
    store
        .store
        .importer()
        .run(
            IntStream.range(0, 60)
                .mapToObj(
                    i ->
                        ImportedEvent.of(
                            StreamId.of("c", Integer.toString(i)),
                            EncodedEvent.of("happened", 1, text))));
    try (PostgresEventStore turned =
        PostgresEventStore.builder(store.pool)
            .codec(JacksonCodec.of(EventTypes.none()))
            .scheduler(clock)
            .build()) {
      List<FeedReader> lanes =
          Stream.generate(
                  () -> turned.unwrap(EventFeed.class).orElseThrow().open(all(), START, FLUSHED))
              .limit(6)
              .toList();
      List<List<Long>> positions = new ArrayList<>();
      for (FeedReader lane : lanes) {
        positions.add(new ArrayList<>());
      }
      long first = next(lanes.get(0), positions.get(0));
      clock.turn(Duration.ofSeconds(6));
      long second = next(lanes.get(0), positions.get(0));
      long ofOther = next(lanes.get(1), positions.get(1));
      assertThat(ofOther).as("what the test is about").isBetween(first + 1, second - 1);

      for (int lane = 0; lane < lanes.size(); lane++) {
        while (next(lanes.get(lane), positions.get(lane)) < 60) {
          // Reads on.
        }
        lanes.get(lane).close();
      }
      assertThat(positions).containsOnly(LongStream.rangeClosed(1, 60).boxed().toList());
    }
  }

  private static long next(FeedReader lane, List<Long> positions) throws InterruptedException {
    EventPage page = lane.next(2_000, Duration.ZERO);
    page.events().forEach(event -> positions.add(event.position().value()));
    return page.upTo().value();
  }

  private static void awaitPosition(Subscription subscription, long position) {
    await().atMost(PATIENCE).until(() -> subscription.status().position().value() >= position);
  }

  private FeedReader reader(EventQuery query) {
    return reader(query, START);
  }

  private FeedReader reader(EventQuery query, Position after) {
    return counted.unwrap(EventFeed.class).orElseThrow().open(query, after, VISIBLE);
  }

  /** Statements that read pages: each compares the incarnation of the server. */
  private List<String> pageStatements() {
    return counting.statements().stream().filter(sql -> sql.contains("incarnation() = ?")).toList();
  }

  private <T> List<T> together(List<Callable<T>> work) throws Exception {
    List<T> results = new ArrayList<>();
    for (Future<T> future : work.stream().map(threads::submit).toList()) {
      results.add(future.get(120, TimeUnit.SECONDS));
    }
    return results;
  }

  /** Reads on to a position, waiting for the others before each page. */
  private List<Long> positions(FeedReader reader, long last, CyclicBarrier beforeEach)
      throws Exception {
    List<Long> positions = new ArrayList<>();
    long upTo = 0;
    while (upTo < last) {
      beforeEach.await(60, TimeUnit.SECONDS);
      EventPage page = reader.next(PAGE, PATIENCE);
      page.events().forEach(e -> positions.add(e.position().value()));
      upTo = page.upTo().value();
    }
    return positions;
  }

  private List<List<Long>> readersSideBySide(EventQuery query, int readers, long last)
      throws Exception {
    CyclicBarrier beforeEach = new CyclicBarrier(readers);
    List<FeedReader> opened = Stream.generate(() -> reader(query)).limit(readers).toList();
    try {
      return together(
          opened.stream()
              .<Callable<List<Long>>>map(r -> () -> positions(r, last, beforeEach))
              .toList());
    } finally {
      opened.forEach(FeedReader::close);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void four_readers_of_a_query_read_the_log_once(boolean everything) throws Exception {
    importEvents(3_000, 2);
    EventQuery query = everything ? all() : all().categories("c0");
    List<Long> wanted =
        store.settledAfter(START).stream()
            .filter(query::matches)
            .map(e -> e.position().value())
            .toList();
    List<Long> alone = readersSideBySide(query, 1, 3_000).get(0);
    List<String> statements = pageStatements();
    counting.reset();

    List<List<Long>> together = readersSideBySide(query, 4, 3_000);

    assertThat(alone).isEqualTo(wanted);
    assertThat(together).containsOnly(wanted);
    assertThat(pageStatements()).isEqualTo(statements);
  }

  @Test
  void live_readers_of_different_queries_read_each_event_once() throws Exception {
    int readers = 8;
    int appends = 40;
    // Each reader has two categories, so that each event is wanted by some and not by others.
    List<EventQuery> queries =
        IntStream.range(0, readers)
            .mapToObj(i -> all().categories("c" + i, "c" + (i + 1) % readers))
            .toList();
    CyclicBarrier beforeEach = new CyclicBarrier(readers + 1);
    List<FeedReader> opened = queries.stream().map(this::reader).toList();
    List<Future<List<String>>> reading =
        opened.stream()
            .map(r -> threads.submit(() -> eachAppend(r, 1 + appends, beforeEach)))
            .toList();

    // The first append lets each reader notice that there are many.
    append("c0-1", beforeEach);
    beforeEach.await(60, TimeUnit.SECONDS);
    counting.reset();
    for (int i = 1; i <= appends; i++) {
      append("c%d-%d".formatted(i % readers, i), beforeEach);
      beforeEach.await(60, TimeUnit.SECONDS);
    }

    assertThat(pageStatements()).hasSize(appends);
    List<RecordedEvent> all = store.settledAfter(START);
    for (int i = 0; i < readers; i++) {
      assertThat(reading.get(i).get(60, TimeUnit.SECONDS))
          .isEqualTo(
              all.stream().filter(queries.get(i)::matches).map(e -> e.stream() + "").toList());
    }
    opened.forEach(FeedReader::close);
  }

  private void append(String stream, CyclicBarrier beforeEach) throws Exception {
    beforeEach.await(60, TimeUnit.SECONDS);
    counted.append(
        StreamId.parse(stream), ExpectedVersion.any(), List.of(TestStore.raw("happened")));
  }

  /** Reads on after each append, and lets everybody know. */
  private static List<String> eachAppend(FeedReader reader, int appends, CyclicBarrier beforeEach)
      throws Exception {
    List<String> streams = new ArrayList<>();
    long upTo = 0;
    for (int i = 1; i <= appends; i++) {
      beforeEach.await(60, TimeUnit.SECONDS);
      while (upTo < i) {
        EventPage page = reader.next(PAGE, PATIENCE);
        page.events().forEach(e -> streams.add(e.stream().toString()));
        upTo = page.upTo().value();
      }
      beforeEach.await(60, TimeUnit.SECONDS);
    }
    return streams;
  }

  @Test
  void a_reader_of_a_category_alone_reads_through_its_index_also_near_the_mark() throws Exception {
    try (FeedReader alone = reader(all().categories("c1"))) {
      for (int i = 1; i <= 10; i++) {
        store.append("c%d-1".formatted(i % 2));
        while (alone.next(PAGE, PATIENCE).upTo().value() < i) {
          // Goes on.
        }
      }
    }
    assertThat(pageStatements())
        .isNotEmpty()
        .allSatisfy(sql -> assertThat(sql).contains("hashtextextended"));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void readers_at_any_speed_get_their_events_once_and_in_order_while_others_write(long seed)
      throws Exception {
    int writers = 4;
    int appends = 150;
    Random random = new Random(seed);
    List<EventQuery> queries =
        List.of(
            all(),
            all(),
            all().categories("c1"),
            all().categories("c1"),
            all().types("t1", "t2"),
            all().streamPrefix("c2-1").or(all().categories("c3")));
    List<FeedReader> readers = queries.stream().map(this::reader).toList();
    List<Future<List<Long>>> reading = new ArrayList<>();
    for (FeedReader reader : readers) {
      Random own = new Random(random.nextLong());
      reading.add(threads.submit(() -> untilTheEnd(reader, own)));
    }
    List<Callable<Integer>> writing = new ArrayList<>();
    for (int w = 0; w < writers; w++) {
      Random own = new Random(random.nextLong());
      writing.add(() -> write(own, appends));
    }
    together(writing);
    end = store.append("end-1").position().value();

    List<RecordedEvent> all = store.settledAfter(START);
    for (int i = 0; i < queries.size(); i++) {
      assertThat(reading.get(i).get(120, TimeUnit.SECONDS))
          .as("seed %d, reader %d of %s", seed, i, queries.get(i))
          .isEqualTo(
              all.stream().filter(queries.get(i)::matches).map(e -> e.position().value()).toList());
    }
    readers.forEach(FeedReader::close);
  }

  /** Commits at once, or late, or never. */
  private int write(Random random, int appends) throws SQLException {
    try (Connection slow = store.begin()) {
      for (int i = 0; i < appends; i++) {
        StreamId stream = StreamId.of("c" + random.nextInt(5), "" + random.nextInt(20));
        List<EncodedEvent> events =
            Stream.generate(() -> TestStore.raw("t" + random.nextInt(4)))
                .limit(1 + random.nextInt(5))
                .toList();
        if (random.nextInt(4) > 0) {
          counted.append(stream, ExpectedVersion.any(), events);
        } else {
          counted.within(slow).append(stream, ExpectedVersion.any(), events);
          LockSupport.parkNanos(random.nextInt(3_000_000));
          if (random.nextInt(5) == 0) {
            slow.rollback();
          } else {
            slow.commit();
          }
        }
      }
    }
    return appends;
  }

  private List<Long> untilTheEnd(FeedReader reader, Random random) throws Exception {
    List<Long> positions = new ArrayList<>();
    long upTo = 0;
    while (upTo < end) {
      int limit = 1 + random.nextInt(random.nextBoolean() ? 5 : 60);
      EventPage page = reader.next(limit, Duration.ofMillis(100));
      assertThat(page.events()).hasSizeLessThanOrEqualTo(limit);
      page.events().forEach(e -> positions.add(e.position().value()));
      upTo = page.upTo().value();
      if (random.nextInt(3) == 0) {
        LockSupport.parkNanos(random.nextInt(20_000_000));
      }
    }
    return positions;
  }

  @Test
  void a_page_read_before_a_crash_is_given_to_no_reader_after_it() throws Exception {
    try (PostgresServer server =
        // Nothing is flushed by itself for a while, so that the crash loses commits for certain.
        PostgresServer.start(Map.of("wal_writer_delay", "10s"))) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (TestStore crashing = new TestStore(server.createDatabase())) {
        Position kept = crashing.append("order-1").position();
        try (Connection careless = crashing.begin()) {
          TestStore.execute(careless, "set synchronous_commit = off");
          for (int i = 0; i < 40; i++) {
            crashing.append("lost-" + i, careless);
          }
          careless.commit();
        }
        try (FeedReader first =
                crashing.store.unwrap(EventFeed.class).orElseThrow().open(all(), START, VISIBLE);
            FeedReader second =
                crashing.store.unwrap(EventFeed.class).orElseThrow().open(all(), START, VISIBLE)) {
          while (first.next(PAGE, PATIENCE).upTo().value() < 41) {
            // Goes on.
          }
          second.next(1, PATIENCE);
          server.killHard();
          server.restart();
          await()
              .atMost(PATIENCE)
              .ignoreExceptions()
              .until(() -> crashing.append("order-2") != null);
          Position last = crashing.append("order-3").position();

          List<String> streams = new ArrayList<>();
          try (FeedReader afresh =
              crashing.store.unwrap(EventFeed.class).orElseThrow().open(all(), kept, VISIBLE)) {
            EventPage page;
            do {
              page = afresh.next(PAGE, PATIENCE);
              page.events().forEach(e -> streams.add(e.stream().toString()));
            } while (page.upTo().compareTo(last) < 0);
          }

          assertThat(streams).endsWith("order-3").doesNotContain("lost-0", "lost-39");
          assertThatThrownBy(() -> second.next(PAGE, PATIENCE))
              .isInstanceOf(HistoryChangedException.class);
        }
      }
    }
  }

  static Stream<Arguments> largeEvents() {
    return Stream.of(true, false)
        .flatMap(
            compressible ->
                Stream.of(
                        all(),
                        all().categories("c1"),
                        all().categories("c0", "c1", "c2"),
                        all().categories("c0").types("happened"))
                    .map(query -> Arguments.of(compressible, query)));
  }

  @ParameterizedTest
  @MethodSource("largeEvents")
  void large_events_come_in_pages_that_take_little_of_the_heap(
      boolean compressible, EventQuery query) throws Exception {
    int largest = 900 * 1024 - 4;
    Random random = new Random(5);
    List<EncodedEvent> events = new ArrayList<>();
    for (int i = 0; i < 1_500; i++) {
      // Small ones, then large and larger ones without warning, and small ones again.
      int bytes = i / 6 == 100 ? largest : i / 30 == 40 ? 20_000 : random.nextInt(3_000);
      events.add(json(bytes, compressible, random));
    }
    store
        .store
        .importer()
        .run(
            IntStream.range(0, events.size())
                .mapToObj(i -> ImportedEvent.of(StreamId.of("c" + i % 3, "" + i), events.get(i))));
    List<Long> positions = new ArrayList<>();
    int pages = 0;
    try (FeedReader reader = reader(query)) {
      long upTo = 0;
      while (upTo < events.size()) {
        EventPage page = reader.next(500, PATIENCE);
        assertThat(page.events().stream().mapToLong(e -> e.encoded().dataUtf8().length).sum())
            .isLessThan((1 << 20) + largest);
        page.events().forEach(e -> positions.add(e.position().value()));
        upTo = page.upTo().value();
        pages++;
      }
    }
    assertThat(positions)
        .isEqualTo(
            store.settledAfter(START).stream()
                .filter(query::matches)
                .map(e -> e.position().value())
                .toList());
    assertThat(pages).as("no more than is necessary").isLessThan(60);
  }

  private static EncodedEvent json(int bytes, boolean compressible, Random random) {
    byte[] text = new byte[bytes * 3 / 4];
    if (!compressible) {
      random.nextBytes(text);
    }
    return EncodedEvent.of(
        "happened", 1, '"' + Base64.getEncoder().withoutPadding().encodeToString(text) + '"');
  }
}
