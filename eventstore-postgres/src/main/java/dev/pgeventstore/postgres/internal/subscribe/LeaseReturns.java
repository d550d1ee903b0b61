package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Scheduler.Task;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.LeasesTable;
import dev.pgeventstore.postgres.internal.tables.ServerFunctions;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.time.Duration;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives leases back, for some time at most: a pool may have no connection to spare, and a lease
 * that is not given back expires. Safe for many threads.
 */
final class LeaseReturns {

  private static final Logger LOG = LoggerFactory.getLogger(LeaseReturns.class);

  private static final Duration LONGEST = Duration.ofSeconds(2);

  private final Scheduler scheduler;
  private final Connections connections;
  private final LeasesTable table;
  private final CommitSignals signals;
  private final String owner;

  LeaseReturns(
      Scheduler scheduler,
      Connections connections,
      LeasesTable table,
      CommitSignals signals,
      String owner) {
    this.scheduler = scheduler;
    this.connections = connections;
    this.table = table;
    this.signals = signals;
    this.owner = owner;
  }

  /** Gives the lease of a partition back, so that others need not wait until it expires. */
  void giveBack(Tenure tenure) {
    run(List.of(connection -> table.giveBack(connection, tenure)));
  }

  /** Gives all leases of subscriptions back; this node is none of their members any more. */
  void leave(List<String> names) {
    if (!names.isEmpty()) {
      run(names.stream().map(this::leaving).toList());
    }
  }

  private Statement leaving(String name) {
    return connection -> table.leave(connection, name, owner);
  }

  private void run(List<Statement> statements) {
    Task returning =
        scheduler.start("eventstore-leases-back", () -> statements.forEach(this::commit));
    if (!hasEnded(returning)) {
      returning.interrupt();
    }
  }

  /** Waits for it, also if this thread is interrupted. */
  private boolean hasEnded(Task returning) {
    long deadline = scheduler.nanoTime() + LONGEST.toNanos();
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return returning.join(deadline - scheduler.nanoTime());
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Who waited for it has interrupted it, and may have started the subscription again by now: then
   * it must give back nothing any more.
   */
  private static void requireTime() throws SQLException {
    if (Thread.currentThread().isInterrupted()) {
      throw new SQLTimeoutException("it takes too long");
    }
  }

  private void commit(Statement statement) {
    try {
      connections.inTransaction(
          connection -> {
            ServerFunctions.endIfSilent(connection, LONGEST);
            requireTime();
            statement.on(connection);
            signals.leasesGivenBack(connection);
            requireTime();
            return owner;
          });
    } catch (SQLException | RuntimeException e) {
      LOG.info("A lease could not be given back and will expire: {}", Causes.text(e));
    }
  }

  /** What gives something back. */
  private interface Statement {
    void on(Connection connection) throws SQLException;
  }
}
