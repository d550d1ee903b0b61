package dev.pgeventstore.examples.services;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.processes.ChildProcess;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.time.Duration;

/**
 * A node of a service, in its own process. The subscription has the name of the service, so all
 * nodes of the service share its partitions. Another service has another name.
 */
final class ServiceNode {

  private static final int PARTITIONS = 4;

  private ServiceNode() {}

  /** Arguments: database URL, name of the service, name of the node. */
  public static void main(String[] arguments) throws Exception {
    String service = arguments[1];
    String node = arguments[2];
    try (HikariDataSource pool = Pools.of(arguments[0], 10);
        EventStore store = Services.store(pool);
        Subscription shared =
            Subscriptions.of(store)
                .create(service)
                .category("user")
                .partitions(PARTITIONS)
                // After this time, another node takes over the partitions of a killed one.
                .leaseTime(Duration.ofSeconds(2))
                .handler(batch -> Work.done(service, node, batch.events(), batch.connection()))
                .start()) {
      ChildProcess.awaitEnd();
      if (!shared.status().isHealthy()) {
        throw new IllegalStateException(node + ": " + shared.status());
      }
    }
  }
}
