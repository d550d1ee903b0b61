package dev.pgeventstore.observability;

import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.RelayListener;
import dev.pgeventstore.kafka.RelayStatus;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * Meters of relays to Kafka, {@code eventstore.relay…}, with the tag {@code relay}. One instance
 * serves all relays of a store. It is their listener, and it {@linkplain #watch watches} their
 * statuses. Needs {@code eventstore-kafka-relay}.
 *
 * <pre>{@code
 * RelayMetrics metrics = RelayMetrics.of();
 * metrics.bindTo(registry);
 * KafkaRelay relay =
 *     KafkaRelay.builder(store, kafka).name("orders").topic("orders").listener(metrics).start();
 * metrics.watch("orders", relay);
 * }</pre>
 *
 * <p>A relay's status is in memory: reading a meter waits for neither the database nor Kafka. What
 * happens before {@link #bindTo} is not counted, but for the totals that the relay keeps itself.
 * Safe for many threads.
 */
public final class RelayMetrics implements RelayListener, MeterBinder, AutoCloseable {

  private final List<Tag> tags;
  private final Map<String, ObservedRelay> observed = new ConcurrentHashMap<>();

  /** Guarded by this, as is adding to {@link #observed}. */
  private final List<RegisteredMeters> bound = new ArrayList<>();

  private RelayMetrics(List<Tag> tags) {
    this.tags = tags;
  }

  /**
   * Meters that are registered nowhere yet.
   *
   * @param tags of every meter, besides {@code relay}. If a process has several stores, each needs
   *     the same keys with other values, such as {@code Tag.of("store", "orders")}
   * @return the listener and binder
   */
  public static RelayMetrics of(Tag... tags) {
    return new RelayMetrics(List.of(tags));
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
    observed.values().forEach(relay -> relay.bindTo(registered));
  }

  /**
   * Reports the status of a relay, from now until it is closed. The gauges of one that was closed
   * are {@code NaN}, which no alert matches.
   *
   * @param name of the relay
   * @param relay any; replaces one with the same name
   */
  public void watch(String name, KafkaRelay relay) {
    watch(name, relay::status);
  }

  synchronized void watch(String name, Supplier<RelayStatus> status) {
    of(name).watch(new WatchedRelay(status, Clock.SYSTEM));
  }

  /**
   * What is wrong with the watched relays: for a health check that responds at once.
   *
   * @return what {@link RelayStatus#complaint()} says, by the name of the relay; empty if all of
   *     them are healthy
   */
  public Map<String, String> complaints() {
    Map<String, String> complaints = new TreeMap<>();
    observed.forEach(
        (name, relay) -> relay.complaint().ifPresent(text -> complaints.put(name, text)));
    return complaints;
  }

  private ObservedRelay of(String name) {
    ObservedRelay known = observed.get(name);
    return known == null ? add(name) : known;
  }

  private synchronized ObservedRelay add(String name) {
    return observed.computeIfAbsent(
        name,
        added -> {
          ObservedRelay relay = new ObservedRelay(added);
          bound.forEach(relay::bindTo);
          return relay;
        });
  }

  @Override
  public void led(Led lane) {
    of(lane.relay()).led();
  }

  @Override
  public void leadEnded(LeadEnded lane) {
    of(lane.relay()).leadEnded(lane.lost());
  }

  @Override
  public void committed(Committed transaction) {
    of(transaction.relay()).committed(transaction);
  }

  @Override
  public void poisoned(Poisoned poison) {
    of(poison.relay()).poisoned(poison);
  }

  @Override
  public void failed(Failed failure) {
    of(failure.relay()).failed();
  }

  @Override
  public void halted(Halted halt) {
    of(halt.relay()).halted();
  }

  /** Removes the meters from their registries. What happens later is not counted. */
  @Override
  public synchronized void close() {
    observed.values().forEach(ObservedRelay::unbind);
    bound.forEach(RegisteredMeters::remove);
    bound.clear();
  }
}
