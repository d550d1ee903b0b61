package dev.pgeventstore.observability;

import dev.pgeventstore.kafka.RelayListener.Committed;
import dev.pgeventstore.kafka.RelayListener.Poisoned;
import dev.pgeventstore.kafka.RelayStatus;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * What is known of one relay, and its meters in each registry. Listeners may call it at any time;
 * binding and watching happen one at a time.
 */
final class ObservedRelay {

  private final String name;
  private final List<RelayMeters> meters = new CopyOnWriteArrayList<>();
  private volatile @Nullable WatchedRelay watched;

  ObservedRelay(String name) {
    this.name = name;
  }

  void bindTo(RegisteredMeters registered) {
    meters.add(new RelayMeters(registered, name));
    if (watched != null) {
      bindStatusTo(registered);
    }
  }

  void unbind() {
    meters.clear();
  }

  void watch(WatchedRelay next) {
    boolean isFirst = watched == null;
    watched = next;
    if (isFirst) {
      meters.forEach(each -> bindStatusTo(each.registered()));
    }
  }

  private void bindStatusTo(RegisteredMeters to) {
    gauge(
        to,
        "healthy",
        "1 if it is healthy, 0 if an operator should look at it",
        WatchedRelay::healthy);
    gauge(to, "halted", "1 if it has halted and waits for an operator", WatchedRelay::halted);
    gauge(to, "leads", "Lanes that this process publishes", WatchedRelay::leads);
    gauge(to, "lag", "Positions between it and the high-water mark", WatchedRelay::lag);
    gauge(to, "parked", "Streams that wait for an operator", WatchedRelay::parkedStreams);
    seconds(
        to,
        "behind",
        "For how long there has been something to publish",
        WatchedRelay::secondsBehind);
    seconds(
        to,
        "mark.held",
        "For how long an open transaction has held the high-water mark back",
        WatchedRelay::secondsMarkHeld);
    total(
        to, "transactions", "Transactions that were committed in Kafka", RelayStatus::transactions);
    total(to, "aborts", "Transactions that were begun and not seen to commit", RelayStatus::aborts);
    total(
        to,
        "fenced",
        "How often another relay took over while this one was at work",
        RelayStatus::fenced);
    total(to, "events", "Events that were published", RelayStatus::eventsSent);
    total(to, "messages", "Outbox messages that were published", RelayStatus::messagesSent);
    total(to, "records", "Records that were sent", RelayStatus::recordsSent);
  }

  private void gauge(
      RegisteredMeters to, String what, String description, ToDoubleFunction<WatchedRelay> value) {
    to.gauge("eventstore.relay." + what, description, this, of(value), RelayMeters.TAG, name);
  }

  private void seconds(
      RegisteredMeters to, String what, String description, ToDoubleFunction<WatchedRelay> value) {
    to.seconds("eventstore.relay." + what, description, this, of(value), RelayMeters.TAG, name);
  }

  private void total(
      RegisteredMeters to, String what, String description, ToDoubleFunction<RelayStatus> value) {
    to.counter(
        "eventstore.relay." + what,
        description,
        this,
        of(relay -> relay.total(value)),
        RelayMeters.TAG,
        name);
  }

  private static ToDoubleFunction<ObservedRelay> of(ToDoubleFunction<WatchedRelay> value) {
    return relay -> {
      WatchedRelay current = relay.watched;
      return current == null ? Double.NaN : value.applyAsDouble(current);
    };
  }

  Optional<String> complaint() {
    WatchedRelay current = watched;
    return current == null ? Optional.empty() : current.complaint();
  }

  void led() {
    meters.forEach(RelayMeters::led);
  }

  void leadEnded(boolean lost) {
    meters.forEach(each -> each.leadEnded(lost));
  }

  void committed(Committed transaction) {
    meters.forEach(each -> each.committed(transaction));
  }

  void poisoned(Poisoned poison) {
    meters.forEach(each -> each.poisoned(poison.decision()));
  }

  void failed() {
    meters.forEach(RelayMeters::failed);
  }

  void halted() {
    meters.forEach(RelayMeters::halted);
  }
}
