package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Versions take each other's place while events are appended and readers look all the time. */
@ExtendWith(PostgresExtension.class)
@Tag("faults")
class ProjectionRebuildTest {

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int BEFORE = 3_000;
  private static final int PAGES = 7;
  private static final int WRITERS = 3;
  private static final int MOST_EACH = 20_000;
  private static final int VERSIONS = 4;

  // One statement, one snapshot: what the view shows, and how many events there are up to where the
  // partitions of its version stand.
  private static final String LOOK =
      """
      select v.visits, e.events, p.live_version
        from (select coalesce(sum(visits), 0) as visits from public.visits) as v,
             eventstore.projections as p,
             lateral (select count(*) as events
                        from eventstore.subscriptions as s
                        join public.partition_of as o
                          on o.number = s.partition and o.partitions = s.partitions
                        join eventstore.events as e
                          on e.stream_id = o.stream and e.position <= s.position
                       where s.name = p.name || '/' || p.live_version) as e
       where p.name = 'visits'
      """;

  private TestStore store;
  private TestStore other;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private volatile boolean writing = true;
  private volatile boolean reading = true;

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
    other = new TestStore(database);
  }

  @AfterEach
  void close() throws InterruptedException {
    writing = false;
    reading = false;
    threads.shutdown();
    assertThat(threads.awaitTermination(60, TimeUnit.SECONDS)).isTrue();
    other.close();
    store.close();
  }

  @Test
  void readers_never_see_a_partial_view_are_never_without_one_and_never_go_back() throws Exception {
    tellPartitions();
    fill();
    Projection live = start(store, 1);
    live.promote(PATIENCE);
    List<Future<Integer>> writers = new ArrayList<>();
    for (int i = 0; i < WRITERS; i++) {
      writers.add(threads.submit(this::write));
    }
    Reader first = new Reader();
    Reader second = new Reader();
    List<Future<?>> readers = List.of(threads.submit(first), threads.submit(second));

    for (int version = 2; version <= VERSIONS; version++) {
      Projection next = start(version % 2 == 0 ? other : store, version);
      assertThat(next.promote(PATIENCE)).isTrue();
      first.awaitSight(version, readers);
      second.awaitSight(version, readers);
      assertThat(live.drop()).isTrue();
      live = next;
    }

    writing = false;
    int written = BEFORE;
    for (Future<Integer> writer : writers) {
      written += writer.get(60, TimeUnit.SECONDS);
    }
    // Waiting for an append waits for the partitions of its streams.
    for (int i = 0; i < PAGES; i++) {
      live.awaitApplied(store.append("page-" + i), PATIENCE);
    }
    reading = false;
    for (Future<?> reader : readers) {
      reader.get(60, TimeUnit.SECONDS);
    }
    live.close();
    assertThat(store.query("select sum(visits) from public.visits"))
        .isEqualTo(Integer.toString(written + PAGES));
    // Else it was no load.
    assertThat(written).isGreaterThan(BEFORE + 100);
  }

  /** Partitions are computed in Java only. */
  private void tellPartitions() throws SQLException {
    store.execute("create table public.partition_of (stream text, partitions int, number int)");
    for (int i = 0; i < PAGES; i++) {
      for (int partitions : List.of(1, 3)) {
        StreamId page = StreamId.of("page", "" + i);
        store.execute(
            "insert into public.partition_of values ('%s', %d, %d)"
                .formatted(page, partitions, Partitions.of(page, partitions)));
      }
    }
  }

  private static Projection start(TestStore node, int version) {
    return Projections.of(node.store)
        .create("visits", version)
        .batchSize(100)
        .partitions(version % 2 == 0 ? 3 : 1)
        .definition(new Visits())
        .start();
  }

  private void fill() {
    List<EncodedEvent> some = Collections.nCopies(100, TestStore.raw("happened"));
    for (int i = 0; i < BEFORE / some.size(); i++) {
      store.store.append(StreamId.of("page", "" + i % PAGES), ExpectedVersion.any(), some);
    }
  }

  private int write() {
    int written = 0;
    while (writing && written < MOST_EACH) {
      store.append("page-" + written % PAGES);
      written++;
    }
    return written;
  }

  /** Looks at the view again and again. */
  private final class Reader implements Runnable {

    private volatile int seen;

    @Override
    public void run() {
      try (Connection connection = store.database.open();
          PreparedStatement look = connection.prepareStatement(LOOK)) {
        long before = 0;
        while (reading) {
          try (ResultSet row = look.executeQuery()) {
            assertThat(row.next()).as("there is a view").isTrue();
            long visits = row.getLong(1);
            assertThat(visits).as("no event is missing").isEqualTo(row.getLong(2));
            assertThat(visits).as("it never goes back").isGreaterThanOrEqualTo(before);
            before = visits;
            seen = row.getInt(3);
          }
        }
      } catch (SQLException e) {
        throw new AssertionError("a reader failed", e);
      }
    }

    void awaitSight(int version, List<Future<?>> readers) {
      await()
          .atMost(PATIENCE)
          .until(() -> seen == version || readers.stream().anyMatch(Future::isDone));
    }
  }
}
