package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.TombstonedException;
import dev.pgeventstore.postgres.Eraser.Purged;
import dev.pgeventstore.postgres.Eraser.Tombstone;
import dev.pgeventstore.postgres.Eraser.Tombstoned;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a stream that is gone for good means to readers and, above all, to appends. */
@ExtendWith(PostgresExtension.class)
class TombstoneTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final StreamId ORDER = StreamId.of("order", "1");
  private static final StreamId OTHER = StreamId.of("order", "2");

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private TestStore store;
  private Eraser eraser;

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
    eraser = Eraser.of(database.dataSource(), "eventstore");
    for (int i = 0; i < 3; i++) {
      store.append("order-1");
      store.append("order-2");
    }
  }

  @AfterEach
  void close() throws InterruptedException {
    threads.shutdownNow();
    assertThat(threads.awaitTermination(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    store.close();
  }

  @Test
  void a_tombstoned_stream_has_no_events_for_any_reader_and_keeps_its_version() throws Exception {
    assertThat(eraser.tombstone(ORDER)).isEqualTo(new Tombstoned(ORDER, 3, true));
    assertThat(eraser.tombstone(ORDER)).isEqualTo(new Tombstoned(ORDER, 3, false));

    assertThat(store.store.read(ORDER)).isEmpty();
    assertThat(store.settled()).containsExactly("order-2", "order-2", "order-2");
    assertThat(eraser.purge(ORDER)).isEqualTo(new Purged(ORDER, 3, true));
    assertThat(store.store.read(ORDER)).isEmpty();
    assertThat(store.settled()).containsExactly("order-2", "order-2", "order-2");
    assertThat(store.query("select version from eventstore.streams where stream_id = 'order-1'"))
        .isEqualTo("3");
    assertThatThrownBy(() -> eraser.truncateBefore(ORDER, 2))
        .isInstanceOf(TombstonedException.class);
    assertThat(
            store.query(
                "select string_agg(concat_ws('|', action, stream_id, version), ' ')"
                    + " from eventstore.erasures"))
        .isEqualTo("tombstone|order-1|3");
  }

  static List<ExpectedVersion> expectations() {
    return List.of(
        ExpectedVersion.any(),
        ExpectedVersion.noStream(),
        ExpectedVersion.streamExists(),
        ExpectedVersion.exactly(3),
        ExpectedVersion.exactly(1));
  }

  @ParameterizedTest
  @MethodSource("expectations")
  void an_append_to_a_tombstoned_stream_is_refused_for_every_expected_version(
      ExpectedVersion expected) throws Exception {
    eraser.tombstone(ORDER);
    for (boolean purged : List.of(false, true)) {
      for (NewEvent event : List.of(NewEvent.of(TestStore.raw("late")), TestStore.event("late"))) {
        assertThatThrownBy(() -> store.store.append(ORDER, expected, List.of(event)))
            .isInstanceOfSatisfying(
                TombstonedException.class, e -> assertThat(e.stream()).isEqualTo(ORDER));
      }
      if (!purged) {
        eraser.purge(ORDER);
      }
    }
    assertThat(store.query("select version from eventstore.streams where stream_id = 'order-1'"))
        .isEqualTo("3");
    assertThat(store.store.read(ORDER)).isEmpty();
  }

  @Test
  void nothing_is_written_elsewhere_when_a_stream_of_the_append_is_tombstoned() {
    eraser.tombstone(ORDER);
    List<NewEvent> event = List.of(TestStore.event("late"));
    for (Append append :
        List.of(
            Append.to(OTHER, ExpectedVersion.any(), event).and(ORDER, ExpectedVersion.any(), event),
            Append.to(OTHER, ExpectedVersion.any(), event)
                .check(ORDER, ExpectedVersion.exactly(3)))) {
      assertThatThrownBy(() -> store.store.append(append))
          .isInstanceOfSatisfying(
              TombstonedException.class, e -> assertThat(e.stream()).isEqualTo(ORDER));
    }
    assertThat(store.store.read(OTHER)).hasSize(3);
    assertThat(store.append("order-2").version(OTHER)).isEqualTo(4);
  }

  @Test
  void a_tombstone_waits_for_an_open_append_and_hides_its_events() throws Exception {
    Future<Tombstone> tombstone;
    try (Connection open = store.begin()) {
      store.append("order-1", open);
      tombstone = threads.submit(() -> eraser.tombstone(ORDER));
      await()
          .atMost(PATIENCE)
          .until(
              () ->
                  store
                      .query(
                          "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")
                      .equals("1"));
      open.commit();
    }
    assertThat(tombstone.get(PATIENCE.toSeconds(), TimeUnit.SECONDS).version()).isEqualTo(4);
    assertThat(store.store.read(ORDER)).isEmpty();
    assertThat(store.settled()).containsOnly("order-2");
  }

  @Test
  void appends_that_race_with_a_tombstone_are_complete_before_it_and_refused_after_it()
      throws Exception {
    int appenders = 4;
    CountDownLatch underWay = new CountDownLatch(appenders * 20);
    List<Future<Long>> acknowledged = new ArrayList<>();
    for (int i = 0; i < appenders; i++) {
      Callable<Long> appending =
          () -> {
            long count = 0;
            // Bounded: each would go on for ever if nothing were refused.
            for (int n = 0; n < 1_000; n++) {
              try {
                store.append("order-1");
              } catch (TombstonedException e) {
                return count;
              }
              count++;
              underWay.countDown();
            }
            throw new IllegalStateException("was never refused");
          };
      acknowledged.add(threads.submit(appending));
    }
    assertThat(underWay.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    long version = eraser.tombstone(ORDER).version();

    long sum = 3;
    for (Future<Long> count : acknowledged) {
      sum += count.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }
    assertThat(sum).isEqualTo(version);
    assertThat(
            store.query(
                "select count(*) || ' ' || max(version) from eventstore.events where stream_id = 'order-1'"))
        .isEqualTo(version + " " + version);
    assertThat(store.settled()).containsOnly("order-2");
    assertThat(eraser.purge(ORDER).events()).isEqualTo(version);
  }

  @Test
  void a_retry_of_an_append_whose_event_was_erased_meanwhile_gets_its_first_result() {
    StreamId stream = StreamId.of("order", "3");
    List<NewEvent> events = List.of(TestStore.event("a"), TestStore.event("b"));
    AppendResult first = store.store.append(stream, ExpectedVersion.noStream(), events);
    eraser.erase(stream, 2, "a test");
    for (ExpectedVersion expected : List.of(ExpectedVersion.noStream(), ExpectedVersion.any())) {
      AppendResult again = store.store.append(stream, expected, events);
      assertThat(again.replayed()).isTrue();
      assertThat(again.position()).isEqualTo(first.position());
      assertThat(again.version(stream)).isEqualTo(2);
    }
  }

  @Test
  void a_retry_of_an_append_whose_events_were_truncated_meanwhile_gets_its_first_result() {
    StreamId stream = StreamId.of("order", "3");
    List<NewEvent> events = List.of(TestStore.event("a"));
    AppendResult first = store.store.append(stream, ExpectedVersion.any(), events);
    store.append("order-3");
    eraser.truncateBefore(stream, 2);
    AppendResult again = store.store.append(stream, ExpectedVersion.any(), events);
    assertThat(again.replayed()).isTrue();
    assertThat(again.position()).isEqualTo(first.position()).isGreaterThan(Position.START);
  }
}
