package dev.pgeventstore.examples.metrics;

import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionListener.Applied;
import dev.pgeventstore.subscription.SubscriptionListener.Failed;
import dev.pgeventstore.subscription.SubscriptionListener.LeaseEnded;
import dev.pgeventstore.subscription.SubscriptionListener.LeaseTaken;
import dev.pgeventstore.subscription.SubscriptionListener.Parked;
import dev.pgeventstore.subscription.SubscriptionListener.Place;
import dev.pgeventstore.subscription.SubscriptionListener.Stopped;
import dev.pgeventstore.subscription.SubscriptionStatus;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Counts what subscriptions do in this process, and reports it in the text format of Prometheus.
 * One instance serves all subscriptions. Safe for many threads.
 */
public final class SubscriptionMetrics implements SubscriptionListener {

  private final Metric events =
      Metric.counter("eventstore_subscription_events_total", "Events that were handled.");
  private final Metric batches =
      Metric.counter("eventstore_subscription_batches_total", "Batches that were committed.");
  private final Metric seconds =
      Metric.counter(
          "eventstore_subscription_batch_seconds_total",
          "Time spent on batches, from calling the handler to the end of the commit.");
  private final Metric failures =
      Metric.counter(
          "eventstore_subscription_failures_total", "Failures of the handler or the database.");
  private final Metric parked =
      Metric.counter(
          "eventstore_subscription_parked_total", "Events that were parked by this process.");
  private final Metric caughtUp =
      Metric.gauge(
          "eventstore_subscription_caught_up", "1 if it is at the high-water mark, 0 if behind.");
  private final Metric leases =
      Metric.gauge(
          "eventstore_subscription_lease", "1 if this process handles the partition, 0 if not.");
  private final Metric lost =
      Metric.counter(
          "eventstore_subscription_leases_lost_total", "Leases that expired or were taken.");
  private final Metric stops =
      Metric.counter("eventstore_subscription_stops_total", "Stops because of an error.");
  private final Metric healthy =
      Metric.gauge(
          "eventstore_subscription_healthy", "1 if it is healthy, 0 if an operator should look.");
  private final Metric lag =
      Metric.gauge("eventstore_subscription_lag", "Positions between it and the high-water mark.");
  private final Metric parkedNow =
      Metric.gauge("eventstore_subscription_parked", "Events that are parked, on all nodes.");

  private final List<Metric> metrics =
      List.of(
          events, batches, seconds, failures, parked, caughtUp, leases, lost, stops, healthy, lag,
          parkedNow);

  private final Map<String, Subscription> watched = new ConcurrentHashMap<>();

  /** Creates metrics that are all zero. */
  public SubscriptionMetrics() {}

  /**
   * Also reports a subscription's status each time the figures are read. A listener is not called
   * while nothing happens, so only the status distinguishes a time without events from a high-water
   * mark that is stuck.
   *
   * @param subscription a subscription that was started with this listener; replaces one with the
   *     same name
   */
  public void watch(Subscription subscription) {
    watched.put(subscription.name(), subscription);
    stops.add(0, Labels.of(subscription.name()));
  }

  /**
   * All figures. Queries the database once for each watched subscription.
   *
   * @return text for Prometheus
   */
  public String text() {
    for (Subscription subscription : watched.values()) {
      SubscriptionStatus status = subscription.status();
      Labels labels = Labels.of(subscription.name());
      healthy.set(status.isHealthy() ? 1 : 0, labels);
      lag.set(status.lag(), labels);
      parkedNow.set(status.parked(), labels);
    }
    StringBuilder text = new StringBuilder();
    metrics.forEach(metric -> metric.writeTo(text));
    return text.toString();
  }

  @Override
  public void applied(Applied batch) {
    Labels labels = Labels.of(batch.subscription(), batch.partition());
    events.add(batch.events().size(), labels);
    batches.add(1, labels);
    seconds.add(inSeconds(batch.took()), labels);
  }

  private static double inSeconds(Duration time) {
    return time.toNanos() / 1e9;
  }

  @Override
  public void caughtUp(Place place) {
    caughtUp.set(1, Labels.of(place.subscription(), place.partition()));
  }

  @Override
  public void fellBehind(Place place) {
    caughtUp.set(0, Labels.of(place.subscription(), place.partition()));
  }

  @Override
  public void failed(Failed failure) {
    failures.add(1, Labels.of(failure.subscription(), failure.partition()));
  }

  @Override
  public void parked(Parked event) {
    parked.add(1, Labels.of(event.subscription(), event.partition()));
  }

  @Override
  public void leaseTaken(LeaseTaken lease) {
    leases.set(1, Labels.of(lease.subscription(), lease.partition()));
  }

  @Override
  public void leaseEnded(LeaseEnded lease) {
    Labels labels = Labels.of(lease.subscription(), lease.partition());
    leases.set(0, labels);
    lost.add(lease.lost() ? 1 : 0, labels);
    // The process that has the lease now reports this figure.
    caughtUp.remove(labels);
  }

  @Override
  public void stopped(Stopped stop) {
    stops.add(1, Labels.of(stop.subscription()));
  }
}
