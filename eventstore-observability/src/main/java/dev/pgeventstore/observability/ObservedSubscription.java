package dev.pgeventstore.observability;

import dev.pgeventstore.subscription.SubscriptionListener.Applied;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * What is known of one subscription, and its meters in each registry. Listeners may call it at any
 * time; binding and watching happen one at a time.
 */
final class ObservedSubscription {

  private final String name;
  private final AtomicInteger leases = new AtomicInteger();
  private final List<SubscriptionMeters> meters = new CopyOnWriteArrayList<>();
  private volatile @Nullable WatchedSubscription watched;
  private @Nullable Future<?> refreshing;

  ObservedSubscription(String name) {
    this.name = name;
  }

  void bindTo(RegisteredMeters registered) {
    meters.add(new SubscriptionMeters(registered, name, leases));
    if (watched != null) {
      bindStatusTo(registered);
    }
  }

  void unbind() {
    meters.clear();
  }

  void watch(WatchedSubscription next, Future<?> refreshes) {
    boolean isFirst = watched == null;
    watched = next;
    if (refreshing != null) {
      refreshing.cancel(false);
    }
    refreshing = refreshes;
    if (isFirst) {
      meters.forEach(each -> bindStatusTo(each.registered()));
    }
  }

  private void bindStatusTo(RegisteredMeters to) {
    String tag = SubscriptionMeters.TAG;
    to.gauge(
        "eventstore.subscription.healthy",
        "1 if it is healthy, 0 if an operator should look at it",
        this,
        of(WatchedSubscription::healthy),
        tag,
        name);
    to.gauge(
        "eventstore.subscription.stopped",
        "1 if it has stopped with an error",
        this,
        of(WatchedSubscription::stopped),
        tag,
        name);
    to.gauge(
        "eventstore.subscription.lag",
        "Positions between it and the high-water mark",
        this,
        of(WatchedSubscription::lag),
        tag,
        name);
    to.seconds(
        "eventstore.subscription.behind",
        "How long ago the first event that is not handled was stored",
        this,
        of(WatchedSubscription::secondsBehind),
        tag,
        name);
    to.gauge(
        "eventstore.subscription.parked",
        "Events that are parked, on all nodes",
        this,
        of(WatchedSubscription::parked),
        tag,
        name);
    to.gauge(
        "eventstore.subscription.partitions",
        "Partitions, on all nodes",
        this,
        of(WatchedSubscription::partitions),
        tag,
        name);
    to.seconds(
        "eventstore.subscription.mark.held",
        "For how long an open transaction has held the high-water mark back",
        this,
        of(WatchedSubscription::secondsMarkHeld),
        tag,
        name);
    to.seconds(
        "eventstore.subscription.status.age",
        "How old these figures are: it grows while the database does not respond",
        this,
        of(WatchedSubscription::secondsAge),
        tag,
        name);
  }

  private static ToDoubleFunction<ObservedSubscription> of(
      ToDoubleFunction<WatchedSubscription> value) {
    return subscription -> {
      WatchedSubscription current = subscription.watched;
      return current == null ? Double.NaN : value.applyAsDouble(current);
    };
  }

  Optional<String> complaint() {
    WatchedSubscription current = watched;
    return current == null ? Optional.empty() : current.complaint();
  }

  void applied(Applied batch) {
    meters.forEach(each -> each.applied(batch));
  }

  void failed() {
    meters.forEach(SubscriptionMeters::failed);
  }

  void parked() {
    meters.forEach(SubscriptionMeters::parked);
  }

  void leaseTaken() {
    leases.incrementAndGet();
    meters.forEach(SubscriptionMeters::leaseTaken);
  }

  void leaseEnded(boolean lost) {
    leases.decrementAndGet();
    meters.forEach(each -> each.leaseEnded(lost));
  }

  void stopped() {
    meters.forEach(SubscriptionMeters::stopped);
  }
}
