package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.postgres.internal.fence.Mark;
import java.sql.SQLException;
import java.util.List;

/**
 * Handles what a lane has of a page: batch by batch, and one by one once a batch has failed. A wait
 * in between ends the call, and the next one goes on with the page. For one thread at a time.
 */
final class LaneHandling {

  private final LaneParts lane;

  /** Whether the present batch is handled one by one. */
  private boolean alone;

  private boolean caughtUp;

  LaneHandling(LaneParts lane) {
    this.lane = lane;
  }

  /** The page that was being handled is read anew. */
  void startOver() {
    alone = false;
  }

  /** Whether a page can be passed over without a thread: no listener is told, nothing is stored. */
  boolean isQuiet(PageBatches page, long barrier) {
    return page.isEmpty() && !isNews(page) && !isToBeStored(page, barrier);
  }

  /** Whether all that is to be done about a page is to store where it ends, which can wait. */
  boolean canWait(PageBatches page, long barrier) {
    return page.isEmpty() && !isNews(page) && page.upTo() < barrier;
  }

  private boolean isToBeStored(PageBatches page, long barrier) {
    return page.upTo() > lane.checkpoint().position()
        && (lane.checkpoint().isDue() || page.upTo() == barrier);
  }

  /** Whether a listener is told of it. */
  private boolean isNews(PageBatches page) {
    return page.upTo() >= page.mark().position() ? !caughtUp : caughtUp && page.isFull();
  }

  /**
   * Handles what is left of a page, until asked to stop.
   *
   * @return after how many milliseconds to go on with the page; 0 if that is over
   */
  long handle(PageBatches page, long barrier) throws SQLException {
    if (page.isEmpty() && (lane.checkpoint().isDue() || page.upTo() == barrier)) {
      lane.checkpoint().store(page.upTo(), page.mark().incarnation());
    }
    while (page.hasBatch() && !lane.progress().isStopping()) {
      if (!lane.lease().isCertain()) {
        return LaneTurn.LEASE_MILLIS;
      }
      long pause = handle(page.batch(), page.reached(), page.mark());
      if (pause > 0) {
        return pause;
      }
      page.batchDone();
    }
    if (page.isEmpty() || !lane.progress().isStopping()) {
      pass(page);
    }
    return 0;
  }

  private long handle(List<RecordedEvent> batch, long reached, Mark mark) throws SQLException {
    alone |= lane.oneByOne().suspectsAny();
    if (!alone) {
      try {
        lane.transactions().apply(batch, reached, mark, 1);
      } catch (HandlerFailedException e) {
        lane.news().handlerFailed(lane.checkpoint().position(), e.failure());
        if (lane.spec().failurePolicy().retries() == 0) {
          lane.declines().unlessTheLast(batch.get(0), e);
          throw e;
        }
        alone = true;
      }
    }
    if (alone) {
      long pause = lane.oneByOne().handle(batch, mark);
      if (pause > 0) {
        return pause;
      }
      alone = false;
    }
    if (!lane.progress().isStopping()) {
      lane.checkpoint().store(reached, mark.incarnation());
    }
    return 0;
  }

  /** A page is done. */
  void pass(PageBatches page) {
    long reached = page.upTo();
    long mark = page.mark().position();
    boolean isNews = isNews(page);
    lane.progress().moveTo(reached, reached >= mark);
    if (isNews) {
      caughtUp = reached >= mark;
      if (caughtUp) {
        lane.news().caughtUp(reached, mark);
      } else {
        lane.news().fellBehind(reached, mark);
      }
    }
  }
}
