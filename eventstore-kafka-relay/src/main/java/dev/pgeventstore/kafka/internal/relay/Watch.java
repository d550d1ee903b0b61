package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.StopSignal;
import dev.pgeventstore.kafka.internal.topics.TargetTopics;
import dev.pgeventstore.spi.EventFeed;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks around while a lane is busy or idle. A producer whose topic was deleted keeps trying until
 * its time-out; this notices it within seconds, says what has happened, and makes the producer give
 * up. And it asks which transactions hold the high-water mark back.
 */
final class Watch implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Watch.class);
  private static final Duration LOOK_EVERY = Duration.ofSeconds(2);
  private static final Duration NOT_WORTH_MENTIONING = Duration.ofSeconds(1);

  private final TargetTopics topics;
  private final EventFeed feed;
  private final Progress progress;
  private final Runnable abandon;
  private final StopSignal stop;
  private final Scheduler.Task task;
  private volatile @Nullable RelayHaltedException finding;

  Watch(
      Scheduler scheduler,
      String name,
      TargetTopics topics,
      EventFeed feed,
      Progress progress,
      Runnable abandon) {
    this.topics = topics;
    this.feed = feed;
    this.progress = progress;
    this.abandon = abandon;
    this.stop = new StopSignal(scheduler);
    this.task = scheduler.start(name, this::watch);
  }

  private void watch() {
    try {
      stop.pause(LOOK_EVERY);
      while (!stop.isRequested()) {
        lookAtTopics();
        lookForBlockers();
        stop.pause(LOOK_EVERY);
      }
    } catch (InterruptedException e) {
      LOG.debug("Interrupted", e);
    }
  }

  private void lookAtTopics() throws InterruptedException {
    try {
      topics.requireAll();
    } catch (RelayHaltedException e) {
      finding = e;
      abandon.run();
      stop.request();
    } catch (RuntimeException e) {
      // The producer will find out for itself whether Kafka is away.
      LOG.debug("The topics could not be looked at", e);
    }
  }

  private void lookForBlockers() {
    try {
      progress.settled(feed.highWaterMark());
      progress.blockedBy(feed.blockers(NOT_WORTH_MENTIONING));
    } catch (RuntimeException e) {
      // And so will the reader whether the database is.
      LOG.debug("It could not be asked who holds the mark back", e);
    }
  }

  /** What it has found, if anything. */
  @Nullable RelayHaltedException finding() {
    return finding;
  }

  /**
   * Looks whether all is well.
   *
   * @throws RelayHaltedException if it has found something
   */
  void requireNothingFound() {
    RelayHaltedException found = finding;
    if (found != null) {
      throw found;
    }
  }

  @Override
  public void close() {
    stop.request();
    task.interrupt();
    progress.blockedBy(List.of());
  }
}
