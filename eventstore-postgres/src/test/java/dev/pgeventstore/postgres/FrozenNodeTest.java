package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.awaitility.core.ConditionTimeoutException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A node freezes before each of its requests to the server in turn: the first time before the first
 * one, then before the second one. Wherever that is, another node takes over, and no event is lost
 * or handled twice. Each round has a subscription of its own, and all run at once.
 */
@ExtendWith(PostgresExtension.class)
@Tag("faults")
class FrozenNodeTest {

  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final Duration LEASE = Duration.ofSeconds(2);
  private static final int STREAMS = 3;
  private static final String POISON = "poison";

  /** What the node is at when it freezes. */
  private enum Work {
    HANDLING(48, 12, FailurePolicy.stop()),
    PARKING(
        64,
        20,
        FailurePolicy.retry(1).backOff(Duration.ofMillis(10), Duration.ofMillis(20)).thenPark()),
    STOPPING(64, 12, FailurePolicy.stop()),
    CLOSING(16, 4, FailurePolicy.stop());

    private final int requests;
    private final int leastRequests;
    private final FailurePolicy policy;

    /**
     * @param requests more than the work takes
     * @param leastRequests fewer than it takes
     */
    Work(int requests, int leastRequests, FailurePolicy policy) {
      this.requests = requests;
      this.leastRequests = leastRequests;
      this.policy = policy;
    }

    String firstEvent() {
      return this == PARKING || this == STOPPING ? POISON : "first";
    }

    /** How many of the events are handled in the end, if each stream has so many. */
    int handled(int eachStream) {
      return eachStream * (this == PARKING ? STREAMS - 1 : STREAMS);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "HANDLING, true",
    "HANDLING, false",
    "PARKING, true",
    "STOPPING, false",
    "CLOSING, true"
  })
  void wherever_a_node_freezes_another_takes_over(Work work, boolean autoCommit, Database database)
      throws Exception {
    try (TestStore two = new TestStore(database, 40, builder -> builder)) {
      two.execute(
          "create table public.seen (subscription text not null, position bigint not null)");
      List<Round> rounds = new ArrayList<>();
      ExecutorService threads = Executors.newCachedThreadPool();
      try {
        for (int requests = 0; requests <= work.requests; requests++) {
          rounds.add(new Round(database, work, requests, autoCommit));
        }
        append(two, rounds, work.firstEvent());
        append(two, rounds, "second");
        all(threads, rounds, round -> round.runUntilFrozen(two, threads));
        assertThat(rounds.stream().filter(round -> round.frozen.isFrozen()))
            .as("nodes that froze before they were done")
            .hasSizeGreaterThan(work.leastRequests);

        List<Integer> stuck = new ArrayList<>();
        List<CompletableFuture<Void>> takers =
            rounds.stream()
                .map(round -> CompletableFuture.runAsync(() -> round.takeOver(two), threads))
                .toList();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        for (Round round : rounds) {
          try {
            takers
                .get(round.requests)
                .get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
          } catch (java.util.concurrent.TimeoutException e) {
            stuck.add(round.requests);
          }
        }
        assertThat(stuck)
            .as("nodes that froze after so many requests, and were not replaced")
            .isEmpty();

        rounds.forEach(round -> round.frozen.thaw());
        append(two, rounds, "third");
        all(threads, rounds, round -> round.awaitHandled(two, 3));
        all(threads, rounds, Round::close);
        assertThat(
                two.query(
                    "select count(*) - count(distinct (subscription, position)) from public.seen"))
            .as("events that were handled twice")
            .isEqualTo("0");
      } finally {
        rounds.forEach(round -> round.frozen.thaw());
        all(threads, rounds, Round::close);
        threads.shutdownNow();
      }
    }
  }

  private interface Task {
    void of(Round round) throws Exception;
  }

  private static void all(ExecutorService threads, List<Round> rounds, Task task) {
    List<CompletableFuture<Void>> running =
        rounds.stream()
            .map(
                round ->
                    CompletableFuture.runAsync(
                        () -> {
                          try {
                            task.of(round);
                          } catch (Exception e) {
                            throw new IllegalStateException("frozen after " + round.requests, e);
                          }
                        },
                        threads))
            .toList();
    running.forEach(CompletableFuture::join);
  }

  private static void append(TestStore store, List<Round> rounds, String type) {
    for (Round round : rounds) {
      for (int stream = 0; stream < STREAMS; stream++) {
        store.store.append(
            StreamId.of(round.name, "s" + stream),
            ExpectedVersion.any(),
            List.of(EncodedEvent.of(stream == 0 ? type : "harmless", 1, "{}")));
      }
    }
  }

  /** A node that freezes after some requests, and the one that takes over from it. */
  private static final class Round {

    private final Work work;
    private final int requests;
    private final String name;
    private final FreezableDataSource frozen;
    private final HikariDataSource pool;
    private final PostgresEventStore one;
    private volatile CompletableFuture<Subscription> first;
    private volatile Subscription second;
    private volatile boolean cured;

    Round(Database database, Work work, int requests, boolean autoCommit) {
      this.work = work;
      this.requests = requests;
      this.name = "round" + requests;
      this.frozen = new FreezableDataSource(database.dataSource());
      HikariConfig config = new HikariConfig();
      config.setDataSource(frozen.dataSource());
      config.setMaximumPoolSize(6);
      config.setMinimumIdle(0);
      config.setAutoCommit(autoCommit);
      pool = new HikariDataSource(config);
      one = PostgresEventStore.builder(pool).codec(JacksonCodec.of(EventTypes.none())).build();
    }

    /** Returns when it is frozen, or done with its work. */
    void runUntilFrozen(TestStore two, ExecutorService threads) throws Exception {
      if (work != Work.CLOSING) {
        frozen.freezeAfter(requests);
      }
      first = CompletableFuture.supplyAsync(() -> subscribe(one), threads);
      await().atMost(PATIENCE).until(() -> frozen.isFrozen() || isDone(two));
      if (work == Work.CLOSING) {
        frozen.freezeAfter(requests);
        var closing = CompletableFuture.runAsync(() -> first.join().close(), threads);
        await().atMost(PATIENCE).until(() -> frozen.isFrozen() || closing.isDone());
      }
      if (!frozen.isFrozen()) {
        frozen.thaw();
      }
    }

    private boolean isDone(TestStore store) throws SQLException {
      return switch (work) {
        case HANDLING, CLOSING -> handled(store) == work.handled(2);
        case PARKING -> handled(store) == work.handled(2) && parked(store) == 2;
        case STOPPING ->
            count(store, "eventstore.subscriptions where stopped_at is not null and name") == 2;
      };
    }

    private int handled(TestStore store) throws SQLException {
      return count(store, "public.seen where subscription");
    }

    private int parked(TestStore store) throws SQLException {
      return count(store, "eventstore.parked_events where name");
    }

    private int count(TestStore store, String rows) throws SQLException {
      return Integer.parseInt(store.query("select count(*) from %s = '%s'".formatted(rows, name)));
    }

    void takeOver(TestStore two) {
      cured = work == Work.STOPPING;
      second = subscribe(two.store);
      awaitHandled(two, 2);
    }

    /** Fails with what the database says of it, and at once if an event is handled twice. */
    void awaitHandled(TestStore store, int eachStream) {
      int parked = work == Work.PARKING ? eachStream : 0;
      try {
        await()
            .atMost(PATIENCE)
            .pollInterval(Duration.ofMillis(50))
            .until(() -> handled(store) >= work.handled(eachStream) && parked(store) >= parked);
        assertThat(handled(store)).isEqualTo(work.handled(eachStream));
        assertThat(parked(store)).isEqualTo(parked);
      } catch (ConditionTimeoutException | AssertionError | SQLException e) {
        throw new IllegalStateException(state(store), e);
      }
    }

    private String state(TestStore store) {
      StringBuilder state = new StringBuilder();
      for (String rows :
          List.of(
              "from public.seen t where subscription = '%s'",
              "from eventstore.events t where category = '%s'",
              "from eventstore.parked_events t where name = '%s'",
              "from eventstore.subscriptions t where name = '%s'",
              "from eventstore.leases t where name = '%s'")) {
        String from = rows.formatted(name);
        try {
          state
              .append(from)
              .append(": ")
              .append(store.query("select json_agg(t) " + from))
              .append('\n');
        } catch (SQLException e) {
          state.append(from).append(": ").append(e.getMessage()).append('\n');
        }
      }
      try {
        state.append(
            store.query(
                "select json_agg(json_build_object('state', state, 'waits', wait_event, 'since',"
                    + " now() - state_change, 'query', query, 'blocked', pg_blocking_pids(pid), 'pid', pid)) from pg_stat_activity"
                    + " where datname = current_database() and state <> 'idle'"));
      } catch (SQLException e) {
        state.append(e.getMessage());
      }
      return state.toString();
    }

    private Subscription subscribe(PostgresEventStore store) {
      return Subscriptions.of(store)
          .create(name)
          .category(name)
          .partitions(2)
          .leaseTime(LEASE)
          .onFailure(work.policy)
          .handler(this::handle)
          .start();
    }

    private void handle(EventBatch batch) throws SQLException {
      try (PreparedStatement insert =
          batch.connection().prepareStatement("insert into public.seen values (?, ?)")) {
        for (RecordedEvent event : batch.events()) {
          if (event.type().equals(POISON) && !cured) {
            throw new IllegalStateException("poison");
          }
          insert.setString(1, name);
          insert.setLong(2, event.position().value());
          insert.addBatch();
        }
        insert.executeBatch();
      }
    }

    void close() {
      if (second != null) {
        second.close();
      }
      if (first != null) {
        first.join().close();
      }
      one.close();
      pool.close();
    }
  }
}
