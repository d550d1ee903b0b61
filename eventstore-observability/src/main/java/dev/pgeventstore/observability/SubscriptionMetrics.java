package dev.pgeventstore.observability;

import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Meters of subscriptions, {@code eventstore.subscription…}, with the tag {@code subscription}. One
 * instance serves all subscriptions of a store. It is their listener, and it {@linkplain #watch
 * watches} their statuses, without which a quiet night looks like a high-water mark that does not
 * move.
 *
 * <pre>{@code
 * SubscriptionMetrics metrics = SubscriptionMetrics.of();
 * metrics.bindTo(registry);
 * Subscription view =
 *     Subscriptions.of(store).create("balances").listener(metrics).handler(balances).start();
 * metrics.watch(view);
 * }</pre>
 *
 * <p>A daemon thread asks for the status of each watched subscription every five seconds. Reading a
 * meter never waits for the database: while it does not respond, meters have the last known values,
 * {@code eventstore.subscription.status.age} grows, and after 30 seconds at the latest {@code
 * eventstore.subscription.healthy} is 0. Since the thread waits with the first subscription whose
 * database does not respond, use one instance for each data source.
 *
 * <p>What happens before {@link #bindTo} is not counted. Safe for many threads.
 */
public final class SubscriptionMetrics implements SubscriptionListener, MeterBinder, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(SubscriptionMetrics.class);
  private static final Duration REFRESH = Duration.ofSeconds(5);

  private final List<Tag> tags;
  private final Clock clock;
  private final Duration pause;
  private final ScheduledThreadPoolExecutor refreshing;
  private final Map<String, ObservedSubscription> observed = new ConcurrentHashMap<>();

  /** Guarded by this, as is adding to {@link #observed}. */
  private final List<RegisteredMeters> bound = new ArrayList<>();

  private SubscriptionMetrics(List<Tag> tags, Clock clock, Duration pause) {
    this.tags = tags;
    this.clock = clock;
    this.pause = pause;
    this.refreshing =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, "eventstore-subscription-metrics");
              thread.setDaemon(true);
              return thread;
            });
    refreshing.setRemoveOnCancelPolicy(true);
  }

  /**
   * Meters that are registered nowhere yet.
   *
   * @param tags of every meter, besides {@code subscription}. If a process has several stores, each
   *     needs the same keys with other values, such as {@code Tag.of("store", "orders")}
   * @return the listener and binder
   */
  public static SubscriptionMetrics of(Tag... tags) {
    return new SubscriptionMetrics(List.of(tags), Clock.SYSTEM, REFRESH);
  }

  /** With a pause between two looks at a status. */
  static SubscriptionMetrics with(Clock clock, Duration pause) {
    return new SubscriptionMetrics(List.of(), clock, pause);
  }

  /**
   * Registers the meters. May be called for several registries, and once for each.
   *
   * @param registry where to
   */
  @Override
  public synchronized void bindTo(MeterRegistry registry) {
    RegisteredMeters registered = new RegisteredMeters(registry, tags);
    bound.add(registered);
    observed.values().forEach(subscription -> subscription.bindTo(registered));
  }

  /**
   * Reports the status of a subscription, from now until it is closed. The meters of one that was
   * closed are {@code NaN}, which no alert matches.
   *
   * @param subscription any; replaces one with the same name
   * @throws IllegalStateException if this is closed
   */
  public synchronized void watch(Subscription subscription) {
    if (refreshing.isShutdown()) {
      throw new IllegalStateException(
          "these metrics are closed and cannot watch subscription " + subscription.name());
    }
    WatchedSubscription watched = new WatchedSubscription(subscription, clock);
    ObservedSubscription of = of(subscription.name());
    of.watch(
        watched,
        refreshing.scheduleWithFixedDelay(
            () -> refresh(subscription.name(), watched),
            0,
            pause.toMillis(),
            TimeUnit.MILLISECONDS));
  }

  /** Never throws: the executor would not call it again. */
  private static void refresh(String name, WatchedSubscription watched) {
    try {
      if (!watched.isClosed()) {
        watched.refresh();
      }
    } catch (RuntimeException | Error e) {
      LOG.warn("The status of subscription {} is not known", name, e);
    }
  }

  /**
   * What is wrong with the watched subscriptions, as last seen: for a health check that responds at
   * once, whether the database does or not.
   *
   * @return what {@link dev.pgeventstore.subscription.SubscriptionStatus#complaint()} says, by the
   *     name of the subscription; empty if all of them are healthy
   */
  public Map<String, String> complaints() {
    Map<String, String> complaints = new TreeMap<>();
    observed.forEach(
        (name, subscription) ->
            subscription.complaint().ifPresent(text -> complaints.put(name, text)));
    return complaints;
  }

  private ObservedSubscription of(String name) {
    ObservedSubscription known = observed.get(name);
    return known == null ? add(name) : known;
  }

  private synchronized ObservedSubscription add(String name) {
    return observed.computeIfAbsent(
        name,
        added -> {
          ObservedSubscription subscription = new ObservedSubscription(added);
          bound.forEach(subscription::bindTo);
          return subscription;
        });
  }

  @Override
  public void applied(Applied batch) {
    of(batch.subscription()).applied(batch);
  }

  @Override
  public void failed(Failed failure) {
    of(failure.subscription()).failed();
  }

  @Override
  public void parked(Parked parked) {
    of(parked.subscription()).parked();
  }

  @Override
  public void leaseTaken(LeaseTaken lease) {
    of(lease.subscription()).leaseTaken();
  }

  @Override
  public void leaseEnded(LeaseEnded lease) {
    of(lease.subscription()).leaseEnded(lease.lost());
  }

  @Override
  public void stopped(Stopped stop) {
    of(stop.subscription()).stopped();
  }

  /**
   * Stops watching, and removes the meters from their registries. What happens later is not
   * counted. Does not wait for a database that does not respond.
   */
  @Override
  public synchronized void close() {
    refreshing.shutdown();
    observed.values().forEach(ObservedSubscription::unbind);
    bound.forEach(RegisteredMeters::remove);
    bound.clear();
  }
}
