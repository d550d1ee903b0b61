package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Lender;
import dev.pgeventstore.internal.LentTransaction;
import dev.pgeventstore.internal.SqlFailure;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.ParkedTable;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.spi.SubscriptionSpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Handles events in one transaction with the checkpoint, and parks those whose stream is parked.
 * For the lane's thread.
 */
final class LaneTransactions {

  private final Scheduler scheduler;
  private final SubscriptionSpec spec;
  private final int partition;
  private final Connections connections;
  private final Lender lender;
  private final Faults faults;
  private final ParkedTable parking;
  private final LaneCheckpoint checkpoint;
  private final Progress progress;
  private final LaneNews news;
  private final Set<StreamId> parkedStreams = new HashSet<>();

  /** Whether any event of the subscription may be parked, or may have been discarded. */
  private volatile boolean setAside;

  LaneTransactions(
      Scheduler scheduler,
      SubscriptionSpec spec,
      int partition,
      Connections connections,
      ParkedTable parking,
      Faults faults,
      LaneCheckpoint checkpoint,
      Progress progress,
      LaneNews news) {
    this.scheduler = scheduler;
    this.spec = spec;
    this.partition = partition;
    this.connections = connections;
    this.lender = Lender.to("the handler of subscription " + spec.name());
    this.faults = faults;
    this.parking = parking;
    this.checkpoint = checkpoint;
    this.progress = progress;
    this.news = news;
  }

  /** Learns which of the lane's own streams are parked. */
  void load(Connection connection, Share share) throws SQLException {
    parkedStreams.clear();
    ParkedTable.Parked parked = parking.parked(connection, spec.name());
    parked.streams().stream().filter(share::has).forEach(parkedStreams::add);
    setAside |= parked.discarded() || !parked.streams().isEmpty();
  }

  /**
   * Whether any event that this lane has passed may not have been applied: in its tenure nobody
   * else parks events of its streams, and only what is parked is discarded. For any thread.
   */
  boolean maySetAside() {
    return setAside;
  }

  /**
   * Handles events.
   *
   * @param reached where the checkpoint stands then
   * @param mark that they were read below
   * @param attempt 1, unless it is a single event that has failed before
   * @throws HandlerFailedException if the handler failed, or the commit because of it
   */
  void apply(List<RecordedEvent> events, long reached, Mark mark, int attempt) throws SQLException {
    requireOrder(events, reached, mark);
    long started = scheduler.nanoTime();
    Stage[] stage = {Stage.BEFORE};
    List<RecordedEvent> parked;
    try {
      parked =
          connections.inTransaction(
              connection -> {
                List<RecordedEvent> aside = setAside(connection, events);
                LentTransaction lent = lender.lend(connection);
                handle(lent, without(events, aside), attempt);
                stage[0] = Stage.CHECKPOINT;
                // Not before the handler is called: if it ends the transaction, nothing is parked.
                if (!aside.isEmpty()) {
                  checkpoint.endIfSilent(connection);
                }
                for (RecordedEvent event : aside) {
                  parking.parkEvent(connection, spec.name(), event, 0, Optional.empty());
                }
                checkpoint.advance(connection, lent, reached, mark.incarnation());
                stage[0] = Stage.COMMIT;
                return aside;
              });
    } catch (CheckpointMovedException | HistoryChangedException | InvariantBrokenException e) {
      throw e;
    } catch (HandlerFailedException e) {
      if (faults.isHandlers(
          e.failure(), e.connectionLived(), checkpoint.position(), mark.incarnation())) {
        throw e;
      }
      throw new EventStoreException("the database failed while events were handled", e.failure());
    } catch (SQLException | RuntimeException e) {
      if (isHandlers(e, stage[0], mark)) {
        throw new HandlerFailedException(e);
      }
      throw e;
    }
    reached(reached);
    parked.forEach(news::parkedBehind);
    news.applied(
        without(events, parked),
        reached,
        mark.position(),
        Duration.ofNanos(scheduler.nanoTime() - started));
  }

  private boolean isHandlers(Exception e, Stage stage, Mark mark) {
    return switch (stage) {
      case BEFORE -> !SqlErrors.isTransient(e);
      case CHECKPOINT -> faults.isHandlersAfterAll(e, checkpoint.position(), mark.incarnation());
      // What only the commit has found: a constraint that was deferred is the handler's.
      case COMMIT -> faults.isHandlers(e, false, checkpoint.position(), mark.incarnation());
    };
  }

  /** What the handler is given lies behind the checkpoint, in order, and not beyond the next. */
  private void requireOrder(List<RecordedEvent> events, long reached, Mark mark) {
    long last = checkpoint.position();
    for (RecordedEvent event : events) {
      if (event.position().value() <= last) {
        throw new InvariantBrokenException(
            ("subscription %s was about to handle the event at position %s behind position %d; its"
                    + " checkpoint stands at %d, in incarnation %s. Nothing of the batch was"
                    + " handled.")
                .formatted(
                    spec.name(),
                    event.position(),
                    last,
                    checkpoint.position(),
                    mark.incarnation()));
      }
      last = event.position().value();
    }
    if (last > reached || reached > mark.position()) {
      throw new InvariantBrokenException(
          ("subscription %s was about to handle events up to position %d, and to move its checkpoint"
                  + " from %d to %d, below mark %d of incarnation %s. Nothing of the batch was"
                  + " handled.")
              .formatted(
                  spec.name(),
                  last,
                  checkpoint.position(),
                  reached,
                  mark.position(),
                  mark.incarnation()));
    }
  }

  private static List<RecordedEvent> without(
      List<RecordedEvent> events, List<RecordedEvent> aside) {
    return aside.isEmpty() ? events : events.stream().filter(e -> !aside.contains(e)).toList();
  }

  private void handle(LentTransaction lent, List<RecordedEvent> events, int attempt)
      throws SQLException {
    if (events.isEmpty()) {
      return;
    }
    try {
      spec.handler()
          .handle(
              new Batch(
                  spec.name(),
                  partition,
                  events,
                  lent.connection(),
                  attempt,
                  false,
                  progress::isStopping));
    } catch (Exception | Error e) {
      if (e instanceof Error error && Causes.isOfVirtualMachine(error)) {
        throw error;
      }
      throw new HandlerFailedException(e, lives(e, lent));
    } finally {
      // One that the handler has left behind says no more than what the handler did otherwise.
      Thread.interrupted();
    }
    lent.takeBack();
  }

  /** Asks only where it matters: the failure may be one of another database's connection. */
  private static boolean lives(Throwable e, LentTransaction lent) {
    return SqlFailure.of(e) == SqlFailure.LOST && lent.isAlive();
  }

  /** The events of streams that are parked, which stay so. Remembers which are so no more. */
  private List<RecordedEvent> setAside(Connection connection, List<RecordedEvent> events)
      throws SQLException {
    if (parkedStreams.isEmpty()) {
      return List.of();
    }
    Set<StreamId> suspects = new HashSet<>();
    for (RecordedEvent event : events) {
      if (parkedStreams.contains(event.stream())) {
        suspects.add(event.stream());
      }
    }
    if (suspects.isEmpty()) {
      return List.of();
    }
    Set<StreamId> parked = parking.hold(connection, spec.name(), suspects);
    suspects.removeAll(parked);
    // A stream is parked by this lane only, so once it is not, it stays so until this lane knows.
    parkedStreams.removeAll(suspects);
    List<RecordedEvent> aside = new ArrayList<>();
    for (RecordedEvent event : events) {
      if (parked.contains(event.stream())) {
        aside.add(event);
      }
    }
    return aside;
  }

  /**
   * Parks an event that was given up, and its stream with it.
   *
   * @throws DeclinedException if it cannot be decoded here, and a node has joined that might: then
   *     that node gets the partition, and nothing is parked
   */
  void park(RecordedEvent event, int attempts, Throwable cause, Mark mark) throws SQLException {
    String error = Failure.describe(cause);
    long position = event.position().value();
    boolean declined =
        connections.inTransaction(
            connection -> {
              checkpoint.endIfSilent(connection);
              if (Failure.isUndecodable(cause) && checkpoint.decline(connection, position, error)) {
                return true;
              }
              parking.parkStream(connection, spec.name(), event.stream());
              parking.parkEvent(connection, spec.name(), event, attempts, Optional.of(error));
              checkpoint.advance(connection, position, mark.incarnation());
              return false;
            });
    if (declined) {
      throw new DeclinedException(position, cause);
    }
    parkedStreams.add(event.stream());
    setAside = true;
    reached(position);
    news.parkedStream(event, attempts, error, cause);
  }

  private void reached(long position) {
    checkpoint.reached(position);
    progress.moveTo(position, false);
  }

  /** How far a transaction has come. */
  private enum Stage {
    BEFORE,
    CHECKPOINT,
    COMMIT
  }
}
