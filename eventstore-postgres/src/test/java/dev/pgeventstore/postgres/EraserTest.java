package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ErasedEventException;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.TombstonedException;
import dev.pgeventstore.aggregate.Aggregates;
import dev.pgeventstore.aggregate.Evolution;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.Eraser.Purge;
import dev.pgeventstore.postgres.Eraser.Purged;
import dev.pgeventstore.postgres.Eraser.Truncated;
import dev.pgeventstore.postgres.Eraser.Truncation;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SnapshotsTable;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What readers still see of truncated, purged or erased events, and what no reader sees. */
@ExtendWith(PostgresExtension.class)
class EraserTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final StreamId ORDER = StreamId.of("order", "1");

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private TestStore store;
  private Eraser eraser;

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
    eraser = Eraser.of(database.dataSource(), "eventstore");
  }

  @AfterEach
  void close() throws InterruptedException {
    threads.shutdownNow();
    assertThat(threads.awaitTermination(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    store.close();
  }

  private void append(String stream, int events) {
    for (int i = 0; i < events; i++) {
      store.append(stream);
    }
  }

  private static List<Long> versions(List<RecordedEvent> events) {
    return events.stream().map(RecordedEvent::version).toList();
  }

  private List<Long> versions(StreamRange range) {
    return versions(store.store.read(ORDER, range));
  }

  @Test
  void a_truncated_stream_begins_at_the_truncation_for_every_reader() throws Exception {
    for (int i = 1; i <= 5; i++) {
      store.append("order-1");
      store.append("order-2");
    }

    assertThat(eraser.truncateBefore(ORDER, 4)).isEqualTo(new Truncated(ORDER, 4, true));

    assertThat(versions(StreamRange.forwards())).containsExactly(4L, 5L);
    assertThat(versions(StreamRange.forwardsFrom(2).upTo(4))).containsExactly(4L);
    assertThat(versions(StreamRange.forwards().limit(1))).containsExactly(4L);
    assertThat(versions(StreamRange.backwards())).containsExactly(5L, 4L);
    assertThat(versions(StreamRange.backwardsFrom(3))).isEmpty();
    try (Connection connection = store.begin()) {
      assertThat(versions(store.store.within(connection).read(ORDER))).containsExactly(4L, 5L);
    }
    assertThat(store.settled())
        .containsExactly(
            "order-2", "order-2", "order-2", "order-1", "order-2", "order-1", "order-2");
    assertThat(
            store
                .store
                .readPage(EventQuery.all().streamPrefix("order-1"), Position.START, 9)
                .events())
        .extracting(RecordedEvent::version)
        .containsExactly(4L, 5L);
    assertThat(store.store.unwrap(EventFeed.class).orElseThrow().eventAt(Position.of(1))).isEmpty();
    assertThat(store.store.unwrap(EventFeed.class).orElseThrow().eventAt(Position.of(2)))
        .isPresent();
    assertThat(store.append("order-1").version(ORDER)).isEqualTo(6);
  }

  @Test
  void a_truncation_only_moves_forward_and_never_hides_the_last_event() {
    append("order-1", 5);
    assertThat(eraser.truncateBefore(ORDER, 1)).isEqualTo(new Truncated(ORDER, 1, false));
    assertThat(eraser.truncateBefore(ORDER, 2)).isEqualTo(new Truncated(ORDER, 2, true));
    assertThat(eraser.truncateBefore(ORDER, 4)).isEqualTo(new Truncated(ORDER, 4, true));
    assertThat(versions(store.settledAfter(Position.START))).containsExactly(4L, 5L);
    assertThat(eraser.truncateBefore(ORDER, 2)).isEqualTo(new Truncated(ORDER, 4, false));
    assertThat(eraser.purge(ORDER)).isEqualTo(new Purged(ORDER, 3, true));
    assertThat(eraser.truncateBefore(ORDER, 3)).isEqualTo(new Truncated(ORDER, 4, false));
    assertThatThrownBy(() -> eraser.truncateBefore(ORDER, 6))
        .isInstanceOf(NotInStoreException.class)
        .hasMessageContaining("is at version 5");
    assertThat(eraser.truncateBefore(ORDER, 5)).isEqualTo(new Truncated(ORDER, 5, true));
    assertThat(versions(StreamRange.forwards())).containsExactly(5L);
  }

  @Test
  void a_subscription_in_the_middle_skips_what_is_truncated_before_it() throws Exception {
    append("order-1", 6);
    append("order-2", 2);
    List<String> seen = Collections.synchronizedList(new ArrayList<>());
    CountDownLatch handling = new CountDownLatch(1);
    CountDownLatch truncated = new CountDownLatch(1);
    try (Subscription view =
        Subscriptions.of(store.store)
            .create("view")
            .batchSize(1)
            .handler(
                batch -> {
                  batch.events().forEach(e -> seen.add(e.stream().key() + "@" + e.version()));
                  handling.countDown();
                  if (!truncated.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                    throw new IllegalStateException("nobody truncated");
                  }
                })
            .start()) {
      assertThat(handling.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
      eraser.truncateBefore(ORDER, 5);
      eraser.purge(ORDER);
      truncated.countDown();
      view.awaitApplied(store.append("order-2"), PATIENCE);
    }
    // The second may have been read ahead.
    seen.remove("1@2");
    assertThat(seen).containsExactly("1@1", "1@5", "1@6", "2@1", "2@2", "2@3");
  }

  @Test
  void readers_of_streams_that_are_truncated_purged_and_erased_meanwhile_lose_only_that()
      throws Exception {
    Random random = new Random(7);
    Map<StreamId, Long> last = new HashMap<>();
    Map<StreamId, Long> truncated = new HashMap<>();
    List<RecordedEvent> seen = Collections.synchronizedList(new ArrayList<>());
    try (Subscription view =
        Subscriptions.of(store.store)
            .create("view")
            .batchSize(3)
            .handler(batch -> seen.addAll(batch.events()))
            .start()) {
      AppendResult newest = store.append("order-1");
      for (int step = 0; step < 400; step++) {
        StreamId stream = StreamId.of("order", Integer.toString(random.nextInt(3)));
        long version = last.getOrDefault(stream, 0L);
        int what = random.nextInt(10);
        if (what < 6 || version == 0) {
          newest = store.append(stream.toString());
          last.put(stream, newest.version(stream));
        } else if (what < 8) {
          long before = 1 + random.nextInt((int) version);
          truncated.merge(stream, before, Math::max);
          eraser.truncateBefore(stream, before);
        } else if (what < 9) {
          eraser.purge(stream);
        } else {
          eraser.erase(stream, version, "a test");
        }
      }
      view.awaitApplied(newest, PATIENCE);
    }

    assertThat(seen).extracting(e -> e.position().value()).isSorted().doesNotHaveDuplicates();
    last.forEach(
        (stream, version) -> {
          List<Long> expected =
              IntStream.rangeClosed(
                      truncated.getOrDefault(stream, 1L).intValue(), version.intValue())
                  .mapToObj(v -> (long) v)
                  .toList();
          assertThat(versions(store.store.read(stream))).isEqualTo(expected);
          assertThat(
                  seen.stream().filter(e -> e.stream().equals(stream)).map(RecordedEvent::version))
              .containsAll(expected);
          assertThat(
                  versions(
                      store.settledAfter(Position.START).stream()
                          .filter(e -> e.stream().equals(stream))
                          .toList()))
              .isEqualTo(expected);
        });
  }

  @Test
  void a_purge_deletes_what_is_hidden_and_leaves_position_and_id() throws Exception {
    List<NewEvent> events =
        IntStream.range(0, 2_500).mapToObj(i -> TestStore.event("happened")).toList();
    store.append("order-2");
    store.store.append(ORDER, ExpectedVersion.noStream(), events);
    eraser.truncateBefore(ORDER, 2_400);
    List<RecordedEvent> before = store.settledAfter(Position.START);
    List<Long> progress = new ArrayList<>();

    assertThat(eraser.purge(ORDER, progress::add)).isEqualTo(new Purged(ORDER, 2_399, true));

    assertThat(progress).hasSize(12).startsWith(200L, 400L).endsWith(2_200L, 2_399L);
    assertThat(store.query("select count(*) from eventstore.events")).isEqualTo("102");
    assertThat(store.query("select count(*) from eventstore.truncations")).isEqualTo("0");
    assertThat(store.settledAfter(Position.START))
        .extracting(RecordedEvent::id)
        .containsExactlyElementsOf(before.stream().map(RecordedEvent::id).toList());
    for (int i = 0; i < 2_500; i += 499) {
      assertThat(store.store.unwrap(EventFeed.class).orElseThrow().idAt(Position.of(2 + i)))
          .contains(events.get(i).id());
    }
    assertThat(store.store.unwrap(EventFeed.class).orElseThrow().idAt(Position.of(99_999)))
        .isEmpty();
    assertThat(eraser.purge(ORDER)).isEqualTo(new Purged(ORDER, 0, true));
  }

  @Test
  void a_purge_that_is_interrupted_ends_after_a_batch_and_can_be_begun_again() {
    store.store.append(
        ORDER,
        ExpectedVersion.noStream(),
        IntStream.range(0, 1_500).mapToObj(i -> TestStore.event("happened")).toList());
    eraser.truncateBefore(ORDER, 1_500);

    Purge interrupted = eraser.purge(ORDER, soFar -> Thread.currentThread().interrupt());

    assertThat(Thread.interrupted()).isTrue();
    assertThat(interrupted).isEqualTo(new Purged(ORDER, 200, false));
    assertThat(versions(StreamRange.forwards())).containsExactly(1_500L);
    assertThat(eraser.purge(ORDER)).isEqualTo(new Purged(ORDER, 1_299, true));
  }

  @Test
  void the_mark_does_not_go_back_when_the_newest_events_are_purged(Database database)
      throws Exception {
    append("order-2", 2);
    append("order-1", 3);
    eraser.tombstone(ORDER);
    eraser.purge(ORDER);

    // This one has observed nothing before, like a process that starts now.
    try (TestStore fresh = new TestStore(database)) {
      assertThat(fresh.store.highWaterMark()).isEqualTo(Position.of(5));
      try (Subscription view =
          Subscriptions.of(fresh.store).create("view").handler(batch -> {}).start()) {
        await().atMost(PATIENCE).until(() -> view.status().position().equals(Position.of(5)));
      }
    }
  }

  @Test
  void a_purge_lets_no_reader_pass_an_append_that_is_still_open() throws Exception {
    append("order-1", 3);
    assertThat(store.settled()).hasSize(3);
    try (Connection slow = store.begin()) {
      store.append("order-2", slow);
      store.append("order-3");
      eraser.truncateBefore(ORDER, 3);
      eraser.purge(ORDER);
      assertThat(store.settled()).containsExactly("order-1");
      slow.commit();
    }
    assertThat(store.settled()).containsExactly("order-1", "order-2", "order-3");
  }

  @Test
  void an_erased_event_keeps_its_place_and_nothing_of_its_content() throws Exception {
    EncodedEvent secret = EncodedEvent.of("secret", 3, "{\"name\": \"ann\"}");
    NewEvent event =
        NewEvent.of(secret)
            .withId(UUID.randomUUID())
            .withMetadata(Metadata.none().with("by", "ann"));
    store.store.append(
        ORDER, ExpectedVersion.any(), List.of(TestStore.raw("a"), event, TestStore.raw("c")));
    store.store.append(StreamId.of("order", "2"), ExpectedVersion.any(), List.of(secret, secret));
    RecordedEvent before = store.store.read(ORDER).get(1);

    assertThat(eraser.erase(ORDER, 2, "§ 17").changed()).isTrue();

    RecordedEvent erased = store.store.read(ORDER).get(1);
    assertThat(erased.isErased()).isTrue();
    assertThatThrownBy(erased::payload).isInstanceOf(ErasedEventException.class);
    assertThat(erased.metadata()).isEqualTo(Metadata.none());
    assertThat(erased.encoded().data()).isEqualTo("{}");
    assertThat(erased).hasToString("order-1 version 2 at 2: $erased revision 1");
    assertThat(erased.id()).isEqualTo(before.id()).isEqualTo(event.id());
    assertThat(erased.recordedAt()).isEqualTo(before.recordedAt());
    assertThat(store.query("select string_agg(type, ' ' order by position) from eventstore.events"))
        .isEqualTo("a $erased c secret secret");
    assertThat(
            store.query("select count(*) from eventstore.events as e where e::text like '%ann%'"))
        .isEqualTo("2");
    assertThat(
            store.query(
                "select concat_ws('|', action, stream_id, version, type, reason, by = session_user,"
                    + " at > now() - interval '1 minute') from eventstore.erasures"))
        .isEqualTo("erase|order-1|2|secret|§ 17|t|t");
  }

  @Test
  void erased_events_stay_in_the_order_and_no_query_for_types_finds_them() {
    for (String type : List.of("a", "b", "c")) {
      store.store.append(ORDER, ExpectedVersion.any(), List.of(TestStore.raw(type)));
    }
    eraser.erase(ORDER, 2, "a test");

    assertThat(store.settledAfter(Position.START))
        .extracting(RecordedEvent::type)
        .containsExactly("a", "$erased", "c");
    assertThat(store.store.readPage(EventQuery.all().types("a", "b"), Position.START, 9).events())
        .extracting(RecordedEvent::type)
        .containsExactly("a");
  }

  record Added(int n) {}

  @Test
  void aggregates_skip_erased_events_and_have_the_right_version(Database database) {
    JacksonCodec codec =
        JacksonCodec.of(EventTypes.builder().type(Added.class, "added", 1).build());
    Evolution<Integer, Added> sum = Evolution.of(0, (state, event) -> state + event.n());
    try (PostgresEventStore typed =
        PostgresEventStore.builder(database.dataSource()).codec(codec).build()) {
      Aggregates<Integer, Added> sums = Aggregates.of(typed, "sum", sum);
      sums.execute(
          "1", s -> List.of(new Added(1), new Added(10), new Added(100), new Added(1_000)));
      StreamId stream = StreamId.of("sum", "1");

      eraser.erase(stream, 4, "a test");
      assertThat(sums.load("1").state()).isEqualTo(111);
      assertThat(sums.load("1").version()).isEqualTo(4);

      eraser.truncateBefore(stream, 3);
      assertThat(sums.load("1").state()).isEqualTo(100);
      assertThat(sums.execute("1", s -> List.of(new Added(5))).version()).isEqualTo(5);
    }
  }

  @Test
  void erasing_twice_succeeds_and_is_recorded_once() throws Exception {
    append("order-1", 1);
    assertThat(eraser.erase(ORDER, 1, "first").changed()).isTrue();
    assertThat(eraser.erase(ORDER, 1, "second").changed()).isFalse();
    assertThat(store.query("select string_agg(reason, ' ') from eventstore.erasures"))
        .isEqualTo("first");
  }

  @Test
  void of_two_concurrent_erasures_one_erases_and_the_other_finds_it_done() throws Exception {
    append("order-1", 1);
    try (Connection first = store.begin()) {
      TestStore.execute(first, "select eventstore.erase('order-1', 1, 'first')");
      Future<Eraser.Erasure> second = threads.submit(() -> eraser.erase(ORDER, 1, "second"));
      awaitSomebodyWaiting();
      first.commit();
      assertThat(second.get(PATIENCE.toSeconds(), TimeUnit.SECONDS).changed()).isFalse();
    }
    assertThat(store.query("select string_agg(reason, ' ') from eventstore.erasures"))
        .isEqualTo("first");
  }

  @Test
  void of_two_concurrent_purges_each_event_is_deleted_by_one() throws Exception {
    append("order-1", 5);
    eraser.truncateBefore(ORDER, 5);
    try (Connection first = store.begin()) {
      TestStore.execute(first, "select eventstore.purge('order-1', 3)");
      Future<Purge> second = threads.submit(() -> eraser.purge(ORDER));
      awaitSomebodyWaiting();
      first.commit();
      assertThat(second.get(PATIENCE.toSeconds(), TimeUnit.SECONDS))
          .isEqualTo(new Purged(ORDER, 1, true));
    }
    assertThat(store.query("select count(*) from eventstore.purged_events")).isEqualTo("4");
  }

  @Test
  void an_erasure_that_a_purge_overtakes_finds_nothing_to_erase() throws Exception {
    append("order-1", 3);
    eraser.truncateBefore(ORDER, 3);
    try (Connection purging = store.begin()) {
      TestStore.execute(purging, "select eventstore.purge('order-1', 10)");
      Future<Eraser.Erasure> erasure = threads.submit(() -> eraser.erase(ORDER, 1, "too late"));
      awaitSomebodyWaiting();
      purging.commit();
      assertThatThrownBy(() -> erasure.get(PATIENCE.toSeconds(), TimeUnit.SECONDS))
          .hasCauseInstanceOf(NotInStoreException.class);
    }
    assertThat(store.query("select count(*) from eventstore.erasures where action = 'erase'"))
        .isEqualTo("0");
  }

  @Test
  void a_truncation_that_a_tombstone_overtakes_restores_nothing() throws Exception {
    append("order-1", 3);
    try (Connection ending = store.begin()) {
      TestStore.execute(ending, "select eventstore.tombstone('order-1')");
      Future<Truncation> truncation = threads.submit(() -> eraser.truncateBefore(ORDER, 2));
      awaitSomebodyWaiting();
      ending.commit();
      assertThatThrownBy(() -> truncation.get(PATIENCE.toSeconds(), TimeUnit.SECONDS))
          .hasCauseInstanceOf(TombstonedException.class);
    }
    assertThat(store.store.read(ORDER)).isEmpty();
    assertThat(store.settled()).isEmpty();
  }

  @Test
  void before_roles_are_created_only_the_owner_appends_erases_or_draws_positions()
      throws Exception {
    // Every role may read and begin incarnations, as it may read events.
    assertThat(
            store.query(
                "select concat(string_agg(proname, ' ' order by proname) filter (where has_function_privilege('public', oid, 'execute')),"
                    + " '|', count(*)) from pg_proc"
                    + " where pronamespace = 'eventstore'::regnamespace and prosecdef"))
        .isEqualTo("begin_incarnation incarnation|11");
  }

  private void awaitSomebodyWaiting() {
    await()
        .atMost(PATIENCE)
        .until(
            () ->
                store
                    .query(
                        "select count(*) from pg_stat_activity where datname = current_database()"
                            + " and wait_event_type = 'Lock'")
                    .equals("1"));
  }

  @Test
  void an_erasure_that_would_change_another_number_of_rows_than_one_changes_nothing()
      throws Exception {
    append("order-1", 2);
    store.execute(
        "create function public.keep() returns trigger language plpgsql as 'begin return null; end'");
    store.execute(
        "create trigger keep before update on eventstore.events for each row execute function public.keep()");

    assertThatThrownBy(() -> eraser.erase(ORDER, 1, "in vain"))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("changed 0 rows, not one");
    assertThat(store.query("select count(*) from eventstore.erasures")).isEqualTo("0");
    assertThat(store.store.read(ORDER)).noneMatch(RecordedEvent::isErased);
  }

  @Test
  void one_schemas_eraser_touches_no_other_schemas_stream(Database database) throws Exception {
    try (TestStore tenant = new TestStore(database, 5, b -> b.schema("tenant"))) {
      append("order-1", 3);
      for (int i = 0; i < 3; i++) {
        tenant.append("order-1");
      }
      eraser.erase(ORDER, 2, "a test");
      eraser.truncateBefore(ORDER, 2);
      eraser.purge(ORDER);
      assertThat(tenant.store.read(ORDER)).hasSize(3).noneMatch(RecordedEvent::isErased);
    }
  }

  @Test
  void a_snapshot_that_may_include_erased_data_is_not_kept() throws Exception {
    append("order-1", 3);
    append("order-2", 3);
    eraser.erase(ORDER, 2, "a test");
    keepSnapshot("order-1");
    keepSnapshot("order-2");
    assertThat(store.query("select string_agg(stream_id, ' ') from eventstore.snapshots"))
        .isEqualTo("order-2");
  }

  @Test
  void erasing_again_removes_a_snapshot_that_was_kept_meanwhile() throws Exception {
    append("order-1", 3);
    eraser.erase(ORDER, 2, "a test");
    store.execute("update eventstore.erasures set at = at - interval '2 hours'");
    keepSnapshot("order-1");
    assertThat(store.query("select count(*) from eventstore.snapshots")).isEqualTo("1");

    assertThat(eraser.erase(ORDER, 2, "a test").changed()).isFalse();
    assertThat(store.query("select count(*) from eventstore.snapshots")).isEqualTo("0");
  }

  private void keepSnapshot(String stream) throws SQLException {
    Schema schema = new Schema("eventstore");
    SnapshotsTable table =
        new SnapshotsTable(
            schema, new EventsTable(schema, store.store.unwrap(EventCodec.class).orElseThrow()));
    try (Connection connection = store.database.open()) {
      table.keep(
          connection, StreamId.parse(stream), Snapshot.of("state", 1, 3, new byte[] {'{', '}'}));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"truncate", "tombstone", "erase"})
  void only_snapshots_of_the_stream_are_removed(String how) throws Exception {
    append("order-1", 3);
    append("order-2", 3);
    for (String stream : List.of("order-1", "order-2")) {
      store.execute(
          "insert into eventstore.snapshots (stream_id, name, version, revision, state) values ('"
              + stream
              + "', 'order', 3, 1, '{}')");
    }
    switch (how) {
      case "truncate" -> eraser.truncateBefore(ORDER, 2);
      case "tombstone" -> eraser.tombstone(ORDER);
      default -> eraser.erase(ORDER, 1, "a test");
    }
    assertThat(store.query("select string_agg(stream_id, ' ') from eventstore.snapshots"))
        .isEqualTo("order-2");
  }

  @Test
  void a_missing_event_or_stream_is_reported_and_nothing_is_recorded() throws Exception {
    append("order-1", 3);
    eraser.truncateBefore(ORDER, 2);
    eraser.purge(ORDER);
    StreamId unknown = StreamId.of("order", "9");
    assertThatThrownBy(() -> eraser.truncateBefore(unknown, 1))
        .isInstanceOf(NotInStoreException.class);
    assertThatThrownBy(() -> eraser.tombstone(unknown)).isInstanceOf(NotInStoreException.class);
    assertThatThrownBy(() -> eraser.erase(unknown, 1, "why"))
        .isInstanceOf(NotInStoreException.class);
    assertThatThrownBy(() -> eraser.purge(unknown))
        .isInstanceOfSatisfying(
            NotInStoreException.class, e -> assertThat(e.stream()).isEqualTo(unknown));
    assertThatThrownBy(() -> eraser.erase(ORDER, 1, "purged"))
        .isInstanceOf(NotInStoreException.class)
        .hasMessageContaining("purged");
    assertThatThrownBy(() -> eraser.erase(ORDER, 4, "not yet there"))
        .isInstanceOf(NotInStoreException.class);
    assertThat(store.query("select string_agg(action, ' ') from eventstore.erasures"))
        .isEqualTo("truncate");
  }

  @Test
  void bad_arguments_are_refused_before_anything_is_sent() {
    Eraser offline =
        Eraser.of(
            (DataSource)
                Proxy.newProxyInstance(
                    getClass().getClassLoader(),
                    new Class<?>[] {DataSource.class},
                    (proxy, method, arguments) -> {
                      throw new AssertionError("the database was asked");
                    }),
            "eventstore");
    for (Runnable call :
        List.<Runnable>of(
            () -> offline.truncateBefore(ORDER, 0),
            () -> offline.erase(ORDER, 0, "why"),
            () -> offline.erase(ORDER, 1, " "),
            () -> offline.erase(ORDER, 1, "a\0b"),
            () -> offline.erase(ORDER, 1, "ä".repeat(1_001)),
            () -> Eraser.of(store.pool, "Bad Schema"))) {
      assertThatThrownBy(call::run).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void statistics_follow_when_many_streams_are_truncated() throws Exception {
    store.execute("vacuum analyze eventstore.truncations");
    store.execute(
        "insert into eventstore.streams (stream_id, category, version)"
            + " select 'mail-' || n, 'mail', 1 from generate_series(1, 3000) as n");
    store.execute(
        "insert into eventstore.events (stream_id, category, version, id, type, revision, data)"
            + " select 'mail-' || n, 'mail', 1, gen_random_uuid(), 'sent', 1, '{}'"
            + " from generate_series(1, 3000) as n");
    store.execute("select eventstore.tombstone('mail-' || n) from generate_series(1, 3000) as n");
    long pages =
        Long.parseLong(store.query("select pg_relation_size('eventstore.truncations') / 8192"));
    assertThat(
            Long.parseLong(
                store.query(
                    "select relpages from pg_class where oid = 'eventstore.truncations'::regclass")))
        .isBetween(pages / 2, pages);
  }
}
