package dev.pgeventstore.observability;

import dev.pgeventstore.subscription.SubscriptionListener.Applied;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Timer;
import java.util.concurrent.atomic.AtomicInteger;

/** The meters of one subscription that its listener feeds, in one registry. */
final class SubscriptionMeters {

  static final String TAG = "subscription";

  private final RegisteredMeters registered;
  private final Counter applied;
  private final Counter parked;
  private final Timer batch;
  private final Counter failures;
  private final Counter stops;
  private final Counter taken;
  private final Counter released;
  private final Counter lost;

  SubscriptionMeters(RegisteredMeters registered, String name, AtomicInteger leases) {
    this.registered = registered;
    this.applied = events(name, "applied");
    this.parked = events(name, "parked");
    this.batch =
        registered.histogram(
            "eventstore.subscription.batch",
            "Batches with events, from calling the handler to the end of the commit",
            TAG,
            name);
    this.failures =
        registered.counter(
            "eventstore.subscription.failures",
            "Failures of the handler or the database, each of which is retried or ends in the"
                + " failure policy",
            TAG,
            name);
    this.stops =
        registered.counter("eventstore.subscription.stops", "Stops with an error", TAG, name);
    this.taken = leases(name, "taken");
    this.released = leases(name, "released");
    this.lost = leases(name, "lost");
    registered.gauge(
        "eventstore.subscription.leases",
        "Partitions that this process handles",
        leases,
        AtomicInteger::get,
        TAG,
        name);
  }

  private Counter events(String name, String outcome) {
    return registered.counter(
        "eventstore.subscription.events",
        "Events that were handled or parked",
        TAG,
        name,
        "outcome",
        outcome);
  }

  private Counter leases(String name, String change) {
    return registered.counter(
        "eventstore.subscription.lease.changes",
        "Leases of partitions that this process took, released or lost",
        TAG,
        name,
        "change",
        change);
  }

  RegisteredMeters registered() {
    return registered;
  }

  void applied(Applied of) {
    int events = of.events().size();
    if (events > 0) {
      applied.increment(events);
      batch.record(of.took());
    }
  }

  void failed() {
    failures.increment();
  }

  void parked() {
    parked.increment();
  }

  void leaseTaken() {
    taken.increment();
  }

  void leaseEnded(boolean wasLost) {
    (wasLost ? lost : released).increment();
  }

  void stopped() {
    stops.increment();
  }
}
