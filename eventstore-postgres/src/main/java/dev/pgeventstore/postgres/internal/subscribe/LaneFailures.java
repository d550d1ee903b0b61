package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.SqlFailure;
import dev.pgeventstore.postgres.internal.subscribe.Turns.Next;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.SQLException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Decides how a lane goes on after a failure, if it does. For one thread at a time. */
final class LaneFailures {

  /** The same logger as the lane's: there is no reason to configure them apart. */
  private static final Logger LOG = LoggerFactory.getLogger(Lane.class);

  private static final long FIRST_BACK_OFF_MILLIS = 50;
  private static final long LONGEST_BACK_OFF_MILLIS = 5_000;
  private static final long LONGEST_AFTER_RACE_MILLIS = 100;

  private final LaneParts lane;
  private final RunningSubscription subscription;
  private long backOffMillis = FIRST_BACK_OFF_MILLIS;

  LaneFailures(LaneParts lane, RunningSubscription subscription) {
    this.lane = lane;
    this.subscription = subscription;
  }

  /** It goes well. */
  void startOver() {
    backOffMillis = FIRST_BACK_OFF_MILLIS;
  }

  /**
   * Decides.
   *
   * @return when the lane goes on from its stored checkpoint, or that it has ended
   */
  Next recover(Throwable e) {
    if (isForGood(e)) {
      try {
        end(e);
      } catch (RuntimeException | Error also) {
        LOG.error("{} ends, and not as it should", lane.share(), Causes.loggable(also));
      }
      return Next.OVER;
    }
    if (e instanceof HistoryChangedException || e instanceof CheckpointMovedException) {
      LOG.info("{} goes on from its stored checkpoint: {}", lane.share(), e.getMessage());
      return Next.NOW;
    }
    if (Thread.interrupted() || e instanceof InterruptedException) {
      // Not by closing, which interrupts nothing.
      LOG.info("{} goes on after an interrupt: {}", lane.share(), Causes.text(e));
      return Next.NOW;
    }
    return backOff(e);
  }

  /**
   * Whatever the database had to do with it, a handler that was found to have failed has failed.
   */
  private static boolean isForGood(Throwable e) {
    if (e instanceof LeaseLostException
        || e instanceof DeclinedException
        || e instanceof HandlerFailedException) {
      return true;
    }
    return !(e instanceof HistoryChangedException
        || e instanceof CheckpointMovedException
        || e instanceof InterruptedException
        || (e instanceof Exception && Thread.currentThread().isInterrupted())
        || SqlErrors.isTransient(e));
  }

  private Next backOff(Throwable e) {
    long pause =
        SqlFailure.of(e) == SqlFailure.RACE
            ? Math.min(backOffMillis, LONGEST_AFTER_RACE_MILLIS)
            : backOffMillis;
    lane.news().willTryAgain(lane.checkpoint().position(), e, pause);
    lane.progress().retrying(e);
    backOffMillis = Math.min(2 * backOffMillis, LONGEST_BACK_OFF_MILLIS);
    return lane.progress().isStopping() ? Next.NOW : Next.afterMillis(pause);
  }

  private void end(Throwable e) {
    if (e instanceof LeaseLostException) {
      lane.lease().lose();
      lane.progress().stop();
    } else if (e instanceof DeclinedException) {
      LOG.warn("{} is given up, for a node that knows more: {}", lane.share(), Failure.describe(e));
      lane.progress().stop();
    } else {
      // Whatever it was: nothing was skipped, and it must not end unnoticed.
      fail(e instanceof HandlerFailedException failed ? failed.failure() : e);
    }
  }

  private void fail(Throwable cause) {
    boolean told;
    // First: as soon as other nodes are told, this one may hear of it, too, from its own leases.
    lane.progress().fail(cause);
    try {
      String error = Failure.describe(cause);
      told =
          Failure.isUndecodable(cause)
              ? lane.checkpoint().stopUndecodable(error)
              : lane.checkpoint().stop(error);
    } catch (SQLException | RuntimeException e) {
      LOG.warn("Other nodes cannot be told that {} has stopped: {}", lane.share(), Causes.text(e));
      told = true;
    }
    if (told) {
      LOG.error(
          "{} stopped at position {}",
          lane.share(),
          lane.progress().snapshot().position(),
          Causes.loggable(cause));
      subscription.failed(cause);
    } else {
      // The failure may be no more than the next owner's rows being there already.
      LOG.info("{} failed when its tenure was over: {}", lane.share(), Causes.text(cause));
      lane.lease().lose();
      lane.progress().stop();
    }
  }
}
