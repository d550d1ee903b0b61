package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.clients.KafkaClients;
import java.util.Map;
import javax.sql.DataSource;

/** What the simulation, in a package of its own, needs of this one. */
public final class SimulatedConsumers {

  private SimulatedConsumers() {}

  /** Begins to describe a consumer that runs on a scheduler and talks to a simulated broker. */
  public static RelayedConsumer.Builder describe(
      Map<String, Object> settings,
      DataSource database,
      WatermarkInbox inbox,
      RelayedHandler handler,
      KafkaClients clients,
      Scheduler scheduler) {
    return RelayedConsumer.builder(settings, database, inbox, handler).on(clients, scheduler);
  }
}
