package dev.pgeventstore.subscription;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.Position;
import dev.pgeventstore.internal.Backoff;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.spi.AppendWait;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.ReadingPlace;
import dev.pgeventstore.subscription.FollowerProgress.Waiting;
import dev.pgeventstore.subscription.FollowerStart.Place;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs a follower: load, then page after page, until it is closed or the handler fails. */
final class RunningFollower implements Follower {

  private static final Logger LOG = LoggerFactory.getLogger(RunningFollower.class);

  private static final Duration LOOK_UP = Duration.ofSeconds(1);
  private static final long FIRST_BACK_OFF_MILLIS = 50;
  private static final long LONGEST_BACK_OFF_MILLIS = 5_000;

  private final EventFeed feed;
  private final EventQuery query;
  private final FollowerStart start;
  private final int batchSize;
  private final Handler handler;
  private final FollowerProgress progress = new FollowerProgress();
  private final Backoff backoff = new Backoff(FIRST_BACK_OFF_MILLIS, LONGEST_BACK_OFF_MILLIS);
  private final Thread thread =
      new Thread(() -> EngineThread.run(this::run), "eventstore-follower");

  private Place place = new Place(Position.START, Position.START, "");

  RunningFollower(
      EventFeed feed, EventQuery query, FollowerStart start, int batchSize, Handler handler) {
    this.feed = feed;
    this.query = query;
    this.start = start;
    this.batchSize = batchSize;
    this.handler = handler;
    thread.setDaemon(true);
  }

  /** Finds the start, and starts. A start that is refused is refused here. */
  void start() {
    startAt(start.load());
    thread.start();
  }

  private void startAt(Place found) {
    place = found;
    progress.moveTo(found.position(), found.highWaterMark(), found.incarnation());
  }

  private void run() {
    try {
      while (!progress.isStopping()) {
        try {
          follow();
        } catch (HistoryChangedException e) {
          if (!start.loadsAgain()) {
            throw e;
          }
          LOG.info("A follower loads afresh: {}", e.getMessage());
          loadAgain();
        }
      }
      progress.end(null);
    } catch (Throwable e) {
      // Whatever it was: it must not end unnoticed.
      progress.end(e);
      LOG.error(
          "A follower has ended at position {}", progress.status().position(), Causes.loggable(e));
    }
  }

  private void follow() throws Exception {
    ReadingPlace reached = ReadingPlace.of("a follower", place.position());
    try (FeedReader reader = feed.open(query, place.position(), Durability.FLUSHED)) {
      EventPage page = retrying(() -> reader.next(batchSize, LOOK_UP));
      // After the reader has tied itself to an incarnation of the server: from here on it fails if
      // that ends, so this is the last moment in which the place may be one of an earlier
      // incarnation.
      retrying(
          () -> {
            start.requireIncarnationOf(place);
            return place;
          });
      while (page != null && !progress.isStopping()) {
        reached.advance(page);
        if (!page.events().isEmpty()) {
          handle(page);
        }
        progress.moveTo(page.upTo(), page.highWaterMark(), reader.incarnation());
        page = retrying(() -> reader.next(batchSize, LOOK_UP));
      }
    }
  }

  private void handle(EventPage page) throws Exception {
    try {
      handler.handle(page.events());
    } finally {
      // An interrupt that the handler has left behind has no further meaning.
      Thread.interrupted();
    }
  }

  private void loadAgain() {
    while (!progress.isStopping()) {
      try {
        Place found = progress.unlessStopping(start::load);
        if (found != null) {
          startAt(found);
        }
        return;
      } catch (InterruptedException | RuntimeException e) {
        backOff(e);
      }
    }
  }

  /**
   * Queries the database until it responds.
   *
   * @return null if the follower is to stop
   */
  private <T> @Nullable T retrying(Waiting<T> question) {
    while (true) {
      try {
        T answer = progress.unlessStopping(question);
        backoff.reset();
        return answer;
      } catch (HistoryChangedException e) {
        throw e;
      } catch (InterruptedException | EventStoreException e) {
        // The interrupt is not that of closing: then the answer is null.
        backOff(e);
      }
    }
  }

  private void backOff(Exception e) {
    long pause = backoff.next();
    LOG.warn("A follower retries in {} ms: {}", pause, Causes.text(e));
    progress.retryAfter(e, Duration.ofMillis(pause));
  }

  @Override
  public Status status() {
    return progress.status();
  }

  @Override
  public void awaitApplied(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException {
    new AppendWait(feed, progress::await).until(append, timeout);
  }

  @Override
  public void close() {
    progress.askToStop(thread);
    if (EngineThread.isCurrent()) {
      return;
    }
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
