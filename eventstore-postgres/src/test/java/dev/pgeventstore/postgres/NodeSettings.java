package dev.pgeventstore.postgres;

import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * How a node runs the subscription of the ledger: on a store of this process, or in a process of
 * its own.
 *
 * @param node its name, also that of its connections
 * @param partitions of the subscription
 * @param leaseMillis how long its leases last
 * @param batch the most events for one call
 * @param retries of an event that fails
 * @param parks what fails too often; otherwise it stops
 * @param filtered whether only {@link Ledger#CATEGORY} is wanted
 * @param pauseMicros for each call of the handler
 * @param heapMegabytes of a process of its own
 */
record NodeSettings(
    String node,
    int partitions,
    int leaseMillis,
    int batch,
    int retries,
    boolean parks,
    boolean filtered,
    int pauseMicros,
    int heapMegabytes) {

  static final String SUBSCRIPTION = "ledger";

  private static final Duration SHORTEST_PAUSE = Duration.ofMillis(5);
  private static final Duration LONGEST_PAUSE = Duration.ofMillis(20);

  static NodeSettings of(String node) {
    return new NodeSettings(node, 1, 1_000, 20, 3, false, false, 0, 96);
  }

  NodeSettings named(String name) {
    return new NodeSettings(
        name, partitions, leaseMillis, batch, retries, parks, filtered, pauseMicros, heapMegabytes);
  }

  NodeSettings withPartitions(int number) {
    return new NodeSettings(
        node, number, leaseMillis, batch, retries, parks, filtered, pauseMicros, heapMegabytes);
  }

  NodeSettings withLease(int millis) {
    return new NodeSettings(
        node, partitions, millis, batch, retries, parks, filtered, pauseMicros, heapMegabytes);
  }

  NodeSettings withBatch(int events) {
    return new NodeSettings(
        node,
        partitions,
        leaseMillis,
        events,
        retries,
        parks,
        filtered,
        pauseMicros,
        heapMegabytes);
  }

  NodeSettings thatStopsAfter(int times) {
    return new NodeSettings(
        node, partitions, leaseMillis, batch, times, false, filtered, pauseMicros, heapMegabytes);
  }

  NodeSettings thatParksAfter(int times) {
    return new NodeSettings(
        node, partitions, leaseMillis, batch, times, true, filtered, pauseMicros, heapMegabytes);
  }

  NodeSettings withFilter() {
    return new NodeSettings(
        node, partitions, leaseMillis, batch, retries, parks, true, pauseMicros, heapMegabytes);
  }

  NodeSettings thatDawdles(int micros) {
    return new NodeSettings(
        node, partitions, leaseMillis, batch, retries, parks, filtered, micros, heapMegabytes);
  }

  NodeSettings withHeap(int megabytes) {
    return new NodeSettings(
        node, partitions, leaseMillis, batch, retries, parks, filtered, pauseMicros, megabytes);
  }

  /** The database under the name of this node, by which its connections are known. */
  Database connecting(Database database) {
    return new Database(database.url() + "&reWriteBatchedInserts=true&ApplicationName=" + node);
  }

  Subscription start(TestStore store, EventHandler handler, SubscriptionListener listener) {
    Subscriptions.Builder builder =
        Subscriptions.of(store.store)
            .create(SUBSCRIPTION)
            .batchSize(batch)
            .partitions(partitions)
            .leaseTime(Duration.ofMillis(leaseMillis))
            .onFailure(policy())
            .unhealthyAfter(Duration.ofSeconds(2))
            .listener(listener)
            .handler(
                batch -> {
                  handler.handle(batch);
                  if (pauseMicros > 0) {
                    Thread.sleep(pauseMicros / 1_000, pauseMicros % 1_000 * 1_000);
                  }
                });
    return (filtered ? builder.category(Ledger.CATEGORY) : builder).start();
  }

  private FailurePolicy policy() {
    if (retries == 0) {
      return FailurePolicy.stop();
    }
    FailurePolicy.Retries tries =
        FailurePolicy.retry(retries).backOff(SHORTEST_PAUSE, LONGEST_PAUSE);
    return parks ? tries.thenPark() : tries.thenStop();
  }

  /** As a command line has it. */
  List<String> arguments() {
    List<String> arguments = new ArrayList<>();
    for (Object value :
        List.of(
            node,
            partitions,
            leaseMillis,
            batch,
            retries,
            parks,
            filtered,
            pauseMicros,
            heapMegabytes)) {
      arguments.add(value.toString());
    }
    return arguments;
  }

  static NodeSettings parse(List<String> arguments) {
    return new NodeSettings(
        arguments.get(0),
        Integer.parseInt(arguments.get(1)),
        Integer.parseInt(arguments.get(2)),
        Integer.parseInt(arguments.get(3)),
        Integer.parseInt(arguments.get(4)),
        Boolean.parseBoolean(arguments.get(5)),
        Boolean.parseBoolean(arguments.get(6)),
        Integer.parseInt(arguments.get(7)),
        Integer.parseInt(arguments.get(8)));
  }
}
