package dev.pgeventstore.postgres.internal.subscribe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.CheckpointsTable;
import dev.pgeventstore.postgres.internal.tables.LeaseKey;
import dev.pgeventstore.postgres.internal.tables.LeasesTable;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Membership;
import dev.pgeventstore.postgres.internal.tables.PooledConnections;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Whatever locks several partitions of a subscription takes them in one order. */
@ExtendWith(PostgresExtension.class)
class LockOrderTest {

  private static final Duration HOUR = Duration.ofHours(1);
  private static final Tenure SECOND = new Tenure(new LeaseKey("view", 1), "a", 1);

  private final SubscriptionsTable table = new SubscriptionsTable(new Schema("eventstore"));
  private final CheckpointsTable checkpoints = new CheckpointsTable(new Schema("eventstore"));
  private final LeasesTable leases = new LeasesTable(new Schema("eventstore"));
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private Database database;

  @BeforeEach
  void arrange(Database database) throws SQLException {
    this.database = database;
    try (Connection connection = database.open()) {
      table.arrange(connection, "view", 2, 0, "query", List.of(), "a", HOUR);
      leases.keep(connection, "a", List.of(new Membership("view", HOUR, "query")));
      // Who follows the rows as they lie comes to the second first.
      execute(
          connection,
          "update eventstore.subscriptions set position = 7 where partition = 0;"
              + " update eventstore.leases set epoch = epoch where partition = 0");
    }
  }

  @AfterEach
  void end() {
    threads.shutdownNow();
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private Connection begin() throws SQLException {
    Connection connection = database.open();
    connection.setAutoCommit(false);
    return connection;
  }

  private void awaitWaiting(int transactions) throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement()) {
      await()
          .atMost(Duration.ofSeconds(30))
          .until(
              () -> {
                try (ResultSet row =
                    statement.executeQuery(
                        "select count(*) from pg_stat_activity"
                            + " where datname = current_database() and wait_event_type = 'Lock'")) {
                  row.next();
                  return row.getInt(1) == transactions;
                }
              });
    }
  }

  @Test
  void a_node_that_stops_at_an_event_it_cannot_decode_and_one_that_starts_do_not_deadlock()
      throws Exception {
    LaneCheckpoint lane =
        new LaneCheckpoint(
            Scheduler.threads(),
            new PooledConnections(database.dataSource()),
            checkpoints,
            SECOND,
            HOUR);
    try (Connection declining = begin();
        Connection starting = begin()) {
      // The lane comes as far as this row, and then the one that starts as far as the lane's.
      execute(
          declining,
          "insert into eventstore.subscription_declines (name, partition, owner, position, reason)"
              + " values ('view', 1, 'a', 1, '')");
      Future<Boolean> stopped = threads.submit(() -> lane.stopUndecodable("unknown"));
      awaitWaiting(1);
      Future<Optional<String>> started =
          threads.submit(
              () -> table.arrange(starting, "view", 2, 0, "query", List.of(), "b", HOUR));
      awaitWaiting(2);
      declining.rollback();

      assertThat(stopped.get(30, TimeUnit.SECONDS)).isTrue();
      assertThat(started.get(30, TimeUnit.SECONDS)).isEmpty();
    }
  }

  @Test
  void all_partitions_are_locked_from_the_first_to_the_last() throws Exception {
    Map<String, Locking> all =
        Map.of(
            "hold", connection -> table.hold(connection, "view"),
            "stop", connection -> checkpoints.stop(connection, SECOND, "unknown"),
            "leave", connection -> leases.leave(connection, "view", "a"),
            "remove", connection -> table.remove(connection, "view"),
            "arrange",
                connection ->
                    table.arrange(connection, "view", 2, 0, "query", List.of(), "b", HOUR));
    for (Map.Entry<String, Locking> one : all.entrySet()) {
      try (Connection first = begin();
          Connection locking = begin();
          Connection second = begin()) {
        execute(
            first,
            "select from eventstore.subscriptions where partition = 0 for no key update;"
                + " select from eventstore.leases where partition = 0 for no key update");
        // As the server reads a table that has no statistics yet, or few rows.
        execute(locking, "set enable_indexscan = off; set enable_bitmapscan = off");
        Future<?> locked =
            threads.submit(
                () -> {
                  one.getValue().on(locking);
                  return one;
                });
        awaitWaiting(1);

        assertThat(isFree(second)).as(one.getKey()).isTrue();
        second.rollback();
        first.rollback();
        assertThat(locked.get(30, TimeUnit.SECONDS)).isEqualTo(one);
        locking.rollback();
      }
    }
  }

  @Test
  void a_lease_is_renewed_while_its_checkpoint_is_locked_and_none_is_taken() throws Exception {
    try (Connection committing = begin();
        Connection keeping = database.open()) {
      execute(committing, "select from eventstore.subscriptions for update");

      Duration longer = HOUR.multipliedBy(2);
      assertThat(leases.keep(keeping, "a", List.of(new Membership("view", longer, "query"))))
          .hasSize(2)
          .allMatch(lease -> lease.millisLeft() > HOUR.toMillis());

      execute(keeping, "update eventstore.leases set lease_until = clock_timestamp()");
      List<Membership> other = List.of(new Membership("view", HOUR, "query"));
      assertThat(leases.keep(keeping, "b", other))
          .hasSize(2)
          .allMatch(lease -> lease.owner().orElseThrow().equals("a"));
      committing.rollback();
      assertThat(leases.keep(keeping, "b", other))
          .anyMatch(lease -> lease.owner().orElseThrow().equals("b") && lease.epoch() == 2);
    }
  }

  private static boolean isFree(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "select from eventstore.subscriptions as s join eventstore.leases as l"
                    + " using (name, partition) where partition = 1"
                    + " for no key update skip locked")) {
      return row.next();
    }
  }

  private interface Locking {
    void on(Connection connection) throws SQLException;
  }
}
