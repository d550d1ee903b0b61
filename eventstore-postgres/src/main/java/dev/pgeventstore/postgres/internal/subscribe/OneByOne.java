package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.subscription.FailurePolicy;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.locks.Lock;

/**
 * Handles each event alone, so that it is known which one fails; tries that one again, and gives it
 * up in the end. Attempts are counted in the database before they are made: an event may end the
 * process that handles it, and the next one must know. For the lane's thread.
 */
final class OneByOne {

  /** That all is done. */
  static final long DONE = -1;

  private static final long TURN_MILLIS = 20;

  /**
   * An event is not given up before so many processes have ended with it, or have lost their lease.
   * One or two may have done so for other reasons.
   */
  private static final int LEAST_ENDS = 3;

  private final FailurePolicy policy;
  private final LaneCheckpoint checkpoint;
  private final LaneTransactions transactions;
  private final Declines declines;
  private final LaneLease lease;
  private final Lock suspects;
  private final Progress progress;
  private final LaneNews news;

  /** How many events are handled alone, because one of them may have ended the last owner. */
  private int suspected;

  /** The event that was begun and not ended, since the database failed; -1 for none. */
  private long begun = -1;

  private int begunAttempts;

  OneByOne(
      FailurePolicy policy,
      LaneCheckpoint checkpoint,
      LaneTransactions transactions,
      Declines declines,
      LaneLease lease,
      Lock suspects,
      Progress progress,
      LaneNews news) {
    this.policy = policy;
    this.checkpoint = checkpoint;
    this.transactions = transactions;
    this.declines = declines;
    this.lease = lease;
    this.suspects = suspects;
    this.progress = progress;
    this.news = news;
  }

  /** From here on so many events are suspected of having ended the last owner. */
  void suspect(int events) {
    suspected = events;
  }

  boolean suspectsAny() {
    return suspected > 0;
  }

  /**
   * Handles those of a batch that are not handled yet, each alone, until asked to stop.
   *
   * @return after how many milliseconds to go on with the batch; {@link #DONE} if that is over
   */
  long handle(List<RecordedEvent> batch, Mark mark) throws SQLException {
    boolean allClear = !suspectsAny();
    for (RecordedEvent event : batch) {
      while (event.position().value() > checkpoint.position() && !progress.isStopping()) {
        long pause =
            !lease.isCertain()
                ? LaneTurn.LEASE_MILLIS
                : suspectsAny() ? trySuspect(event, mark) : tryAlone(event, mark);
        if (pause > 0) {
          return pause;
        }
      }
      if (progress.isStopping()) {
        break;
      }
    }
    suspected -= batch.size();
    if (allClear || suspected <= 0) {
      suspected = 0;
      checkpoint.forgetAttempts();
    }
    return DONE;
  }

  /**
   * Suspects of all lanes take turns, so that the end of this process is put down to none that was
   * handled beside the culprit. While the handler of one of them hangs, the others wait: that is
   * among what is not promised (docs/guarantees.md).
   */
  private long trySuspect(RecordedEvent event, Mark mark) throws SQLException {
    if (!suspects.tryLock()) {
      return TURN_MILLIS;
    }
    try {
      return tryAlone(event, mark);
    } finally {
      suspects.unlock();
    }
  }

  /**
   * Tries an event once. Returns after how many milliseconds to try it again, if it is not done.
   */
  private long tryAlone(RecordedEvent event, Mark mark) throws SQLException {
    int most = Math.max(1, policy.retries());
    int attempts = begin(event);
    if (attempts > Math.max(most, LEAST_ENDS)) {
      giveUp(
          event,
          attempts - 1,
          new EventStoreException(
              "no attempt of %d at the event at position %s came to an end: its process ended, or lost its lease"
                  .formatted(attempts - 1, event.position())),
          mark);
      return DONE;
    }
    try {
      transactions.apply(List.of(event), event.position().value(), mark, attempts);
      begun = -1;
      return DONE;
    } catch (HandlerFailedException e) {
      begun = -1;
      news.handlerFailed(checkpoint.position(), e.failure());
      declines.unlessTheLast(event, e);
      if (attempts >= most) {
        giveUp(event, attempts, e.failure(), mark);
        return DONE;
      }
      progress.retrying(e.failure());
      return Durations.millis(policy.backOff(attempts));
    }
  }

  /**
   * Counts an attempt, unless it is the one that the database has cut off: this process lives, and
   * so does its handler.
   */
  private int begin(RecordedEvent event) throws SQLException {
    long position = event.position().value();
    if (begun != position) {
      begunAttempts = checkpoint.countAttempt(position);
      begun = position;
    }
    return begunAttempts;
  }

  private void giveUp(RecordedEvent event, int attempts, Throwable cause, Mark mark)
      throws SQLException {
    if (!policy.parks()) {
      throw new HandlerFailedException(cause);
    }
    transactions.park(event, attempts, cause, mark);
  }
}
