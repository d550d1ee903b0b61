package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.annotation.JsonIgnore;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.aggregate.Aggregates;
import dev.pgeventstore.aggregate.Evolution;
import dev.pgeventstore.codec.EventType;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.codec.jackson.JacksonSnapshots;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SnapshotsTable;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.spi.SnapshotHost;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Snapshots in the database: round trips, races, and what must not depend on them. */
@ExtendWith(PostgresExtension.class)
class SnapshotTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final StreamId STREAM = StreamId.of("counter", "1");

  @EventType(name = "counted")
  record Counted(int by, @JsonIgnore int unstored) {
    Counted(int by) {
      this(by, 0);
    }
  }

  record Counter(long sum) {
    static final Evolution<Counter, Counted> EVOLUTION =
        Evolution.of(
            new Counter(0),
            (counter, event) -> new Counter(counter.sum() + event.by() + event.unstored()));
  }

  private TestStore plain;
  private CountingDataSource counting;
  private PostgresEventStore store;
  private SnapshotsTable table;

  @BeforeEach
  void open(Database database) {
    plain = new TestStore(database);
    counting = new CountingDataSource(plain.pool);
    JacksonCodec codec =
        JacksonCodec.builder(EventTypes.of(Counted.class)).trust(Counted.class).lenient().build();
    store = PostgresEventStore.builder(counting).codec(codec).build();
    Schema schema = new Schema("eventstore");
    table = new SnapshotsTable(schema, new EventsTable(schema, codec));
  }

  @AfterEach
  void close() {
    store.close();
    plain.close();
  }

  private static Aggregates<Counter, Counted> counters(EventStreams streams) {
    return Aggregates.of(streams, "counter", Counter.EVOLUTION)
        .snapshotEvery(100, JacksonSnapshots.of(Counter.class, "counter", 1));
  }

  private void given(int events) {
    store.append(STREAM, ExpectedVersion.any(), Collections.nCopies(events, new Counted(1)));
  }

  private static void countOne(EventStreams streams) {
    counters(streams).execute("1", counter -> List.of(new Counted(1)));
  }

  private String snapshotVersion() throws SQLException {
    return plain.query("select max(version) from eventstore.snapshots");
  }

  private static Snapshot snapshot(long version) {
    return Snapshot.of(
        "counter", 1, version, "{\"sum\": %d}".formatted(version).getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void a_long_history_is_loaded_from_its_snapshot_in_one_round_trip() throws Exception {
    given(2_000);
    counting.reset();
    countOne(store);
    assertThat(counting.statements())
        .as("first 500 events, four more slices, append, snapshot")
        .hasSize(7);
    given(150);

    counting.reset();
    assertThat(counters(store).load("1").state()).isEqualTo(new Counter(2_151));
    assertThat(counting.statements()).hasSize(1);

    counting.reset();
    countOne(store);
    assertThat(counting.statements()).as("load, append, snapshot").hasSize(3);
    assertThat(snapshotVersion()).isEqualTo("2151");

    counting.reset();
    countOne(store);
    assertThat(counting.statements()).as("load, append").hasSize(2);

    counting.reset();
    assertThat(
            Aggregates.of(store, "counter", Counter.EVOLUTION)
                .snapshotEvery(100, JacksonSnapshots.of(Counter.class, "counter", 2))
                .load("1", 400)
                .state())
        .isEqualTo(new Counter(400));
    assertThat(counting.statements())
        .as("one round trip even if the snapshot does not fit")
        .hasSize(1);
  }

  @Test
  void a_snapshot_has_the_stored_events_and_no_state_of_the_deciding_process_alone() {
    for (int i = 0; i < 3; i++) {
      assertThat(
              counters(store)
                  .execute("1", counter -> Collections.nCopies(100, new Counted(1, 7)))
                  .state()
                  .sum())
          .isEqualTo(100L * i + 800);
    }
    assertThat(counters(store).load("1").state()).isEqualTo(new Counter(300));
  }

  @Test
  void an_earlier_snapshot_that_waited_for_a_later_one_does_not_replace_it() throws Exception {
    given(10);
    ExecutorService slow = Executors.newSingleThreadExecutor();
    try (Connection later = plain.begin();
        Connection earlier = plain.database.open()) {
      table.keep(later, STREAM, snapshot(9));
      Future<?> waiting =
          slow.submit(
              () -> {
                table.keep(earlier, STREAM, snapshot(5));
                return STREAM;
              });
      await()
          .atMost(PATIENCE)
          .until(
              () ->
                  plain
                      .query(
                          "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                              + " and datname = current_database()")
                      .equals("1"));
      later.commit();
      waiting.get(30, TimeUnit.SECONDS);
      assertThat(snapshotVersion()).isEqualTo("9");
    } finally {
      slow.shutdownNow();
    }
  }

  @Test
  void a_snapshot_that_cannot_be_written_does_not_fail_the_command() throws Exception {
    given(150);
    plain.execute("alter table eventstore.snapshots add constraint nothing_fits check (false)");
    countOne(store);
    countOne(store);
    assertThat(counters(store).load("1").state()).isEqualTo(new Counter(152));
    assertThat(store.read(STREAM)).hasSize(152);
    assertThat(snapshotVersion()).isNull();
    assertThatThrownBy(
            () -> store.unwrap(SnapshotHost.class).orElseThrow().keep(STREAM, snapshot(3)))
        .isInstanceOf(EventStoreException.class);
  }

  @Test
  void in_a_callers_transaction_snapshots_are_read_and_none_is_written() throws Exception {
    given(150);
    countOne(store);
    given(149);
    plain.execute(
        "alter table eventstore.snapshots add constraint nothing_fits check (false) not valid");
    counting.reset();
    try (Connection connection = counting.getConnection()) {
      connection.setAutoCommit(false);
      EventStreams within = store.within(connection);
      within.append(STREAM, ExpectedVersion.any(), List.of(new Counted(1000)));
      counting.reset();
      assertThat(counters(within).load("1").state()).isEqualTo(new Counter(1300));
      assertThat(counting.statements()).hasSize(1);
      counting.reset();
      countOne(within);
      assertThat(counting.statements()).as("load, append").hasSize(2);
      connection.commit();
    }
    assertThat(snapshotVersion()).isEqualTo("150");
    assertThat(counters(store).load("1").state()).isEqualTo(new Counter(1301));
  }

  @Test
  void a_tombstoned_stream_gets_no_snapshot_and_its_snapshots_can_be_dropped() throws Exception {
    given(10);
    store.append(StreamId.of("counter", "2"), ExpectedVersion.any(), List.of(new Counted(1)));
    store.unwrap(SnapshotHost.class).orElseThrow().keep(STREAM, snapshot(3));
    store
        .unwrap(SnapshotHost.class)
        .orElseThrow()
        .keep(STREAM, Snapshot.of("another", 1, 2, "{}".getBytes(StandardCharsets.UTF_8)));
    store.unwrap(SnapshotHost.class).orElseThrow().keep(StreamId.of("counter", "2"), snapshot(1));
    plain.execute(
        "update eventstore.streams set tombstoned_at = now() where stream_id = 'counter-1'");
    try (Connection connection = plain.database.open()) {
      assertThat(table.drop(connection, STREAM)).isEqualTo(2);
    }
    store.unwrap(SnapshotHost.class).orElseThrow().keep(STREAM, snapshot(4));
    assertThat(plain.query("select string_agg(stream_id, ',') from eventstore.snapshots"))
        .isEqualTo("counter-2");
  }

  @Test
  void a_part_of_a_stream_is_found_by_the_primary_key_in_either_direction() throws Exception {
    for (int i = 0; i < 20; i++) {
      store.append(
          StreamId.of("other", "" + i),
          ExpectedVersion.any(),
          Collections.nCopies(1_000, EncodedEvent.of("counted", 1, "{\"by\": 1}")));
    }
    given(3_000);
    countOne(store);
    plain.execute("analyze eventstore.events");
    for (String order : List.of("version", "version desc")) {
      assertThat(
              plain.query(
                  """
                  explain (format json)
                  select * from eventstore.events
                   where stream_id = 'counter-1' and version between 2 and 9223372036854775807
                   order by %s limit 500"""
                      .formatted(order)))
          .contains("events_pkey")
          .doesNotContain("\"Sort\"", "Seq Scan");
    }
    assertThat(store.read(STREAM, StreamRange.backwards().limit(1)).get(0).version())
        .isEqualTo(3_001);
  }
}
