package dev.pgeventstore.observability;

import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.RelayListener.Committed;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Timer;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/** The meters of one relay that its listener feeds, in one registry. */
final class RelayMeters {

  static final String TAG = "relay";

  private final RegisteredMeters registered;
  private final Timer transaction;
  private final Counter failures;
  private final Counter halts;
  private final Counter taken;
  private final Counter released;
  private final Counter lost;
  private final Map<Decision, Counter> poisoned = new EnumMap<>(Decision.class);

  RelayMeters(RegisteredMeters registered, String name) {
    this.registered = registered;
    this.transaction =
        registered.histogram(
            "eventstore.relay.transaction",
            "Transactions, from the first record to the end of the commit",
            TAG,
            name);
    this.failures =
        registered.counter(
            "eventstore.relay.failures",
            "Failures of Kafka or the database, each of which is retried",
            TAG,
            name);
    this.halts = registered.counter("eventstore.relay.halts", "Lanes that have halted", TAG, name);
    this.taken = leads(name, "taken");
    this.released = leads(name, "released");
    this.lost = leads(name, "lost");
    for (Decision decision : Decision.values()) {
      poisoned.put(
          decision,
          registered.counter(
              "eventstore.relay.poisoned",
              "Events and messages that cannot be published, by what became of them",
              TAG,
              name,
              "decision",
              decision.name().toLowerCase(Locale.ROOT)));
    }
  }

  private Counter leads(String name, String change) {
    return registered.counter(
        "eventstore.relay.lead.changes",
        "Lanes that this process began to publish, released or lost",
        TAG,
        name,
        "change",
        change);
  }

  RegisteredMeters registered() {
    return registered;
  }

  void led() {
    taken.increment();
  }

  void leadEnded(boolean wasLost) {
    (wasLost ? lost : released).increment();
  }

  void committed(Committed of) {
    transaction.record(of.took());
  }

  void poisoned(Decision decision) {
    Objects.requireNonNull(poisoned.get(decision)).increment();
  }

  void failed() {
    failures.increment();
  }

  void halted() {
    halts.increment();
  }
}
