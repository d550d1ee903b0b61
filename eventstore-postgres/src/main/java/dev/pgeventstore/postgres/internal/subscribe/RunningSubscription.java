package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.feed.EventFeed.Durability;
import dev.pgeventstore.feed.HistoryChangedException;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.subscription.ParkedEvents;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionSpec;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs a subscription: mark, page, then handler and checkpoint in one transaction, again and again.
 */
final class RunningSubscription implements Subscription {

  private static final Logger LOG = LoggerFactory.getLogger(RunningSubscription.class);

  /** A checkpoint that moves over nothing wanted is written this often, and when stopping. */
  private static final long QUIET_CHECKPOINT_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final Duration LOOK_UP = Duration.ofSeconds(1);
  private static final long FIRST_BACK_OFF_MILLIS = 50;
  private static final long LONGEST_BACK_OFF_MILLIS = 5_000;

  private final SubscriptionSpec spec;
  private final PostgresFeed feed;
  private final Connections connections;
  private final Checkpoints checkpoints;
  private final Progress progress;
  private final Thread thread;

  /** Where the stored checkpoint stands; behind the reader's position while events are filtered. */
  private long stored;

  private long storedAt;
  private long backOffMillis = FIRST_BACK_OFF_MILLIS;

  RunningSubscription(
      SubscriptionSpec spec, PostgresFeed feed, Connections connections, Checkpoints checkpoints) {
    this.spec = spec;
    this.feed = feed;
    this.connections = connections;
    this.checkpoints = checkpoints;
    this.progress = new Progress(spec.name());
    this.thread = new Thread(this::run, "eventstore-subscription-" + spec.name());
    thread.setDaemon(true);
  }

  /** Finds the checkpoint, and starts. A start that is refused is refused here. */
  void start() throws SQLException {
    long position = checkpoints.loadOrCreate(spec);
    progress.moveTo(Position.of(position), Position.of(position));
    thread.start();
  }

  private void run() {
    try {
      while (!progress.isStopping()) {
        try {
          follow();
        } catch (HistoryChangedException | CheckpointMovedException e) {
          LOG.info(
              "Subscription {} goes on from its stored checkpoint: {}",
              spec.name(),
              e.getMessage());
        } catch (SQLException | RuntimeException e) {
          if (SqlErrors.isTransient(e)) {
            backOff(e);
          } else if (!hasMoved()) {
            throw e;
          }
        }
      }
      progress.stop();
    } catch (Throwable e) {
      // Whatever it was: nothing was skipped, and it must not end unnoticed. That includes an
      // interrupt: closing makes none that comes as far as here, so a handler has left it behind.
      LOG.error("Subscription {} stopped at position {}", spec.name(), progress.position(), e);
      progress.fail(e);
    }
  }

  /**
   * Whether another process of this name has handled what failed here: then the failure may be no
   * more than its rows being there already.
   */
  private boolean hasMoved() {
    try {
      return checkpoints.loadOrCreate(spec) != stored;
    } catch (SQLException e) {
      // Going on will meet the same, and then it is no failure of the handler's.
      return SqlErrors.isTransient(e);
    }
  }

  private void follow() throws SQLException, InterruptedException {
    stored = checkpoints.loadOrCreate(spec);
    storedAt = System.nanoTime();
    progress.rewindTo(Position.of(stored));
    try (PrefetchingReader reader = feed.follow(spec.query(), stored, Durability.VISIBLE)) {
      while (!progress.isStopping()) {
        EventPage page = progress.interruptibly(() -> reader.next(spec.batchSize(), LOOK_UP));
        if (page == null) {
          break;
        }
        long upTo = page.upTo().value();
        if (!page.events().isEmpty()) {
          apply(page, reader.incarnation());
          stored(upTo);
        } else if (System.nanoTime() - storedAt > QUIET_CHECKPOINT_NANOS) {
          storeQuietly(upTo, reader.incarnation());
        }
        backOffMillis = FIRST_BACK_OFF_MILLIS;
        progress.moveTo(page.upTo(), page.highWaterMark());
      }
      storeQuietly(progress.position().value(), reader.incarnation());
    }
  }

  private void apply(EventPage page, String incarnation) throws SQLException {
    connections.inTransaction(
        connection -> {
          handle(page, connection);
          advance(connection, page.upTo().value(), incarnation);
          return page;
        });
  }

  private void handle(EventPage page, Connection connection) throws SQLException {
    try {
      spec.handler().handle(page.events(), connection);
    } catch (SQLException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new EventStoreException(
          "the handler of subscription %s failed at positions %s to %s"
              .formatted(spec.name(), page.events().get(0).position(), page.upTo()),
          e);
    }
  }

  private void storeQuietly(long upTo, String incarnation) throws SQLException {
    if (upTo > stored) {
      connections.inTransaction(
          connection -> {
            advance(connection, upTo, incarnation);
            return upTo;
          });
    }
    stored(upTo);
  }

  private void stored(long upTo) {
    stored = upTo;
    storedAt = System.nanoTime();
  }

  private void advance(Connection connection, long to, String incarnation) throws SQLException {
    if (!checkpoints.table().advance(connection, Checkpoints.key(spec), stored, to, incarnation)) {
      throw new CheckpointMovedException(
          "its checkpoint no longer stands at %d, or the server was restarted".formatted(stored));
    }
  }

  private void backOff(Exception e) throws InterruptedException {
    LOG.warn("Subscription {} tries again in {} ms: {}", spec.name(), backOffMillis, e.toString());
    progress.retryAfter(e, backOffMillis);
    backOffMillis = Math.min(2 * backOffMillis, LONGEST_BACK_OFF_MILLIS);
  }

  @Override
  public String name() {
    return spec.name();
  }

  @Override
  public SubscriptionStatus status() {
    return progress.status();
  }

  @Override
  public ParkedEvents parked() {
    throw new UnsupportedOperationException("not there yet");
  }

  @Override
  public void awaitApplied(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException {
    progress.await(append.position(), timeout);
  }

  boolean hasEnded() {
    State state = progress.status().state();
    return state == State.STOPPED || state == State.FAILED;
  }

  @Override
  public void close() {
    progress.askToStop(thread);
    if (Thread.currentThread() == thread) {
      return;
    }
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Somebody else has handled these events, or this is another server: nothing may commit. */
  private static final class CheckpointMovedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CheckpointMovedException(String message) {
      super(message);
    }
  }
}
