package dev.pgeventstore.testkit;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Listeners;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.SubscriptionListener;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reports what a subscription does to the log and to the listener. Safe for many threads. */
final class SubscriptionNews {

  private static final Logger LOG = LoggerFactory.getLogger(SubscriptionNews.class);

  private final String name;
  private final SubscriptionListener listener;

  SubscriptionNews(String name, SubscriptionListener listener) {
    this.name = name;
    this.listener = listener;
  }

  void applied(
      int partition, List<RecordedEvent> events, Position position, Position mark, Duration took) {
    tell(l -> l.applied(new Applied(name, partition, events, position, mark, took)));
  }

  void caughtUp(int partition, Position position, Position mark) {
    tell(l -> l.caughtUp(new Place(name, partition, position, mark)));
  }

  void fellBehind(int partition, Position position, Position mark) {
    tell(l -> l.fellBehind(new Place(name, partition, position, mark)));
  }

  void failed(int partition, Position position, Throwable error) {
    LOG.warn("Subscription {} failed behind position {}: {}", name, position, Causes.text(error));
    tell(l -> l.failed(new Failed(name, partition, position, error)));
  }

  void parked(int partition, ParkedEvent event) {
    LOG.warn("Subscription {} has parked {}", name, event);
    tell(l -> l.parked(new Parked(name, partition, event)));
  }

  void began(int partition, long epoch) {
    tell(l -> l.leaseTaken(new Taken(name, partition, epoch)));
  }

  void ended(int partition) {
    tell(l -> l.leaseEnded(new Ended(name, partition, false)));
  }

  void stopped(Throwable error) {
    LOG.error("Subscription {} has stopped", name, Causes.loggable(error));
    tell(l -> l.stopped(new Stopped(name, error)));
  }

  private void tell(Consumer<SubscriptionListener> what) {
    Listeners.call("subscription " + name, () -> what.accept(listener));
  }

  private record Applied(
      String subscription,
      int partition,
      List<RecordedEvent> events,
      Position position,
      Position highWaterMark,
      Duration took)
      implements SubscriptionListener.Applied {}

  private record Place(
      String subscription, int partition, Position position, Position highWaterMark)
      implements SubscriptionListener.Place {}

  private record Failed(String subscription, int partition, Position position, Throwable error)
      implements SubscriptionListener.Failed {}

  private record Parked(String subscription, int partition, ParkedEvent event)
      implements SubscriptionListener.Parked {}

  private record Taken(String subscription, int partition, long epoch)
      implements SubscriptionListener.LeaseTaken {}

  private record Ended(String subscription, int partition, boolean lost)
      implements SubscriptionListener.LeaseEnded {}

  private record Stopped(String subscription, Throwable error)
      implements SubscriptionListener.Stopped {}
}
