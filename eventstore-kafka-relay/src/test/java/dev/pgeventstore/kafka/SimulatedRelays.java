package dev.pgeventstore.kafka;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.clients.KafkaClients;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import java.util.Map;
import java.util.Optional;

/** What the simulation, in a package of its own, needs of this one. */
public final class SimulatedRelays {

  private static final Map<String, Object> SETTINGS =
      Map.of("bootstrap.servers", "simulated:9092", "transaction.timeout.ms", 5_000);

  private SimulatedRelays() {}

  /** Begins to describe a relay that runs on a scheduler and talks to a simulated broker. */
  public static KafkaRelay.Builder describe(
      EventStore store, KafkaClients clients, Scheduler scheduler) {
    return KafkaRelay.builder(store, SETTINGS).on(clients, scheduler);
  }

  /** Which position a lane's note says. */
  public static Optional<Long> position(Map<String, String> notes) {
    return new LaneNotes(notes).position().map(at -> at.position().value());
  }

  /** After which position a lane's series began. */
  public static long start(Map<String, String> notes) {
    return new LaneNotes(notes).start().value();
  }

  /** The number of the series. */
  public static int series(Map<String, String> notes) {
    return new LaneNotes(notes).series();
  }
}
