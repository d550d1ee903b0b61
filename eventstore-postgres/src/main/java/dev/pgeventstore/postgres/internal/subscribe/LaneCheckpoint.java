package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.internal.LentTransaction;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.CheckpointsTable;
import dev.pgeventstore.postgres.internal.tables.CheckpointsTable.Standing;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.ServerFunctions;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Where the stored checkpoint of a lane stands, and how often the event behind it was tried. It
 * moves in the lane's own tenure only, from where the lane thinks it stands, and in the incarnation
 * of the server that the events were read in. For the lane's thread.
 */
final class LaneCheckpoint {

  /** One that moves over nothing wanted is written this often, and when stopping. */
  private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Scheduler scheduler;
  private final Connections connections;
  private final CheckpointsTable table;
  private final Tenure tenure;
  private final Duration leaseTime;

  /** Behind the reader's position while events are filtered. */
  private long position;

  private long storedAtNanos;

  /** The event that was last found to be undecodable. */
  private long undecodable;

  LaneCheckpoint(
      Scheduler scheduler,
      Connections connections,
      CheckpointsTable table,
      Tenure tenure,
      Duration leaseTime) {
    this.scheduler = scheduler;
    this.connections = connections;
    this.table = table;
    this.tenure = tenure;
    this.leaseTime = leaseTime;
  }

  /**
   * Reads where it stands.
   *
   * @throws LeaseLostException if the tenure is over
   */
  Standing load(Connection connection) throws SQLException {
    Standing standing = table.standing(connection, tenure).orElseThrow(LeaseLostException::new);
    reached(standing.position());
    return standing;
  }

  long position() {
    return position;
  }

  /** It was found there, or has moved there with a transaction that has committed. */
  void reached(long upTo) {
    position = upTo;
    storedAtNanos = scheduler.nanoTime();
  }

  /** Whether it has not been written for a while. */
  boolean isDue() {
    return scheduler.nanoTime() - storedAtNanos > QUIET_NANOS;
  }

  /**
   * Moves it in a transaction.
   *
   * @throws CheckpointMovedException if it may not be moved: the transaction must not commit
   * @throws InvariantBrokenException if that would not be forward
   */
  void advance(Connection connection, long to, String incarnation) throws SQLException {
    requireForward(to);
    requireMoved(table.advance(connection, tenure, position, to, incarnation, leaseTime), to);
  }

  /**
   * Moves it in a transaction that was lent to the handler.
   *
   * @throws CheckpointMovedException if it may not be moved: the transaction must not commit
   * @throws EventStoreException if the handler has ended the transaction
   * @throws InvariantBrokenException if that would not be forward
   */
  void advance(Connection connection, LentTransaction lent, long to, String incarnation)
      throws SQLException {
    Optional<String> token = lent.token();
    if (token.isEmpty()) {
      advance(connection, to, incarnation);
      return;
    }
    requireForward(to);
    boolean moved =
        table.advanceLent(connection, tenure, position, to, incarnation, leaseTime, token.get());
    if (!moved) {
      lent.requireOpen();
    }
    requireMoved(moved, to);
  }

  private void requireForward(long to) {
    if (to <= position) {
      throw new InvariantBrokenException(
          "the checkpoint of subscription %s, partition %d, stands at position %d and was to be moved to %d. Nothing was written."
              .formatted(tenure.key().name(), tenure.key().partition(), position, to));
    }
  }

  /**
   * For a transaction that locks what another node needs: it ends when the lease does, also if this
   * process is frozen.
   */
  void endIfSilent(Connection connection) throws SQLException {
    ServerFunctions.endIfSilent(connection, leaseTime);
  }

  private void requireMoved(boolean moved, long to) {
    if (!moved) {
      throw new CheckpointMovedException(
          "its tenure is over, its checkpoint no longer stands at %d, it may not go as far as %d, or the server was restarted"
              .formatted(position, to));
    }
  }

  /** Moves it over what needs no handling, in a transaction of its own. */
  void store(long upTo, String incarnation) throws SQLException {
    if (upTo > position) {
      connections.inTransaction(
          connection -> {
            advance(connection, upTo, incarnation);
            return upTo;
          });
      position = upTo;
    }
    storedAtNanos = scheduler.nanoTime();
  }

  /**
   * Counts an attempt at an event.
   *
   * @return how many there were, with this one
   * @throws LeaseLostException if the tenure is over
   */
  int countAttempt(long event) throws SQLException {
    return connections
        .use(connection -> table.countAttempt(connection, tenure, event))
        .orElseThrow(LeaseLostException::new);
  }

  /** The events that were tried alone are done. */
  void forgetAttempts() throws SQLException {
    connections.use(
        connection -> {
          table.forgetAttempts(connection, tenure);
          return tenure;
        });
  }

  /**
   * Declines the partition, since an event cannot be decoded here.
   *
   * @return false if no other live node is left that might decode it: then the lease is kept
   * @throws LeaseLostException if the tenure is over
   */
  boolean decline(long event, String reason) throws SQLException {
    undecodable = event;
    return connections.use(connection -> decline(connection, event, reason));
  }

  /** The same in a transaction. A node that joins after that waits for the transaction's end. */
  boolean decline(Connection connection, long event, String reason) throws SQLException {
    return table.decline(connection, tenure, event, reason).orElseThrow(LeaseLostException::new);
  }

  /**
   * Stops all partitions with an error.
   *
   * @return false if the tenure is over
   */
  boolean stop(String error) throws SQLException {
    return Races.runAgain(
        () ->
            connections.inTransaction(
                connection -> {
                  endIfSilent(connection);
                  return table.stop(connection, tenure, error);
                }));
  }

  /**
   * Stops all partitions, since an event cannot be decoded, unless a node has joined that might: a
   * node that joins waits for this transaction, and lets the subscription go on.
   *
   * @return false if the tenure is over, or has ended with this
   */
  boolean stopUndecodable(String error) throws SQLException {
    return Races.runAgain(
        () ->
            connections.inTransaction(
                connection -> {
                  endIfSilent(connection);
                  // Declining locks one row, and stopping all of them.
                  long unused = table.hold(connection, tenure.key().name());
                  return !table.decline(connection, tenure, undecodable, error).orElse(true)
                      && table.stop(connection, tenure, error);
                }));
  }
}
