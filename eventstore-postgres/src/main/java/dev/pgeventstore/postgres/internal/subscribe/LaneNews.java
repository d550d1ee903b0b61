package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.postgres.internal.tables.ParkedRow;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.SubscriptionListener;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tells the log and the subscription's listener what happens in a lane. */
final class LaneNews {

  /** The same logger as the lane's: there is no reason to configure them apart. */
  private static final Logger LOG = LoggerFactory.getLogger(Lane.class);

  private final RunningSubscription subscription;
  private final String name;
  private final Share share;

  LaneNews(RunningSubscription subscription, String name, Share share) {
    this.subscription = subscription;
    this.name = name;
    this.share = share;
  }

  void applied(List<RecordedEvent> events, long reached, long mark, Duration took) {
    Applied applied =
        new Applied(name, share.partition(), events, Position.of(reached), Position.of(mark), took);
    subscription.tell(listener -> listener.applied(applied));
  }

  /** The event that a stream is parked for. */
  void parkedStream(RecordedEvent event, int attempts, String error, Throwable cause) {
    LOG.warn(
        "{} has parked {} at position {}",
        share,
        event.stream(),
        event.position(),
        Causes.loggable(cause));
    parked(event, attempts, Optional.of(error));
  }

  /** One of a stream that is parked. */
  void parkedBehind(RecordedEvent event) {
    parked(event, 0, Optional.empty());
  }

  private void parked(RecordedEvent event, int attempts, Optional<String> error) {
    ParkedEvent parked =
        new ParkedRow(
            event.stream(), event.version(), event.position(), attempts, error, Instant.now());
    subscription.tell(listener -> listener.parked(new Parked(name, share.partition(), parked)));
  }

  void handlerFailed(long behind, Throwable cause) {
    LOG.warn("{} failed behind position {}: {}", share, behind, Causes.text(cause));
    failed(behind, cause);
  }

  void willTryAgain(long behind, Throwable cause, long millis) {
    LOG.warn("{} tries again in {} ms: {}", share, millis, Causes.text(cause));
    failed(behind, cause);
  }

  private void failed(long behind, Throwable cause) {
    subscription.tell(
        listener ->
            listener.failed(new Failed(name, share.partition(), Position.of(behind), cause)));
  }

  void caughtUp(long reached, long mark) {
    Place place = place(reached, mark);
    subscription.tell(listener -> listener.caughtUp(place));
  }

  void fellBehind(long reached, long mark) {
    Place place = place(reached, mark);
    subscription.tell(listener -> listener.fellBehind(place));
  }

  private Place place(long reached, long mark) {
    return new Place(name, share.partition(), Position.of(reached), Position.of(mark));
  }

  private record Place(
      String subscription, int partition, Position position, Position highWaterMark)
      implements SubscriptionListener.Place {}

  private record Applied(
      String subscription,
      int partition,
      List<RecordedEvent> events,
      Position position,
      Position highWaterMark,
      Duration took)
      implements SubscriptionListener.Applied {}

  private record Failed(String subscription, int partition, Position position, Throwable error)
      implements SubscriptionListener.Failed {}

  private record Parked(String subscription, int partition, ParkedEvent event)
      implements SubscriptionListener.Parked {}
}
