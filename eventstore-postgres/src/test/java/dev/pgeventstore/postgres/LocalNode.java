package dev.pgeventstore.postgres;

import dev.pgeventstore.Position;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.testkit.servers.Database;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** The subscription of the {@link Ledger} on a store of its own in this process. */
final class LocalNode implements AutoCloseable {

  final NodeSettings settings;
  final TestStore store;
  final Ledger ledger;
  final Subscription subscription;
  private final List<String> said = new CopyOnWriteArrayList<>();

  LocalNode(Database database, NodeSettings settings) {
    this.settings = settings;
    store = new TestStore(settings.connecting(database), 12, builder -> builder);
    ledger = new Ledger(settings.node(), said::add);
    try {
      subscription = settings.start(store, ledger, new Telling());
    } catch (RuntimeException e) {
      store.close();
      throw e;
    }
  }

  /** What it has said: what a {@link SubscriptionNode} says. */
  List<String> lines(String beginning) {
    return said.stream().filter(line -> line.startsWith(beginning)).toList();
  }

  /** How many partitions of the subscription have each number of owners; 0 for none. */
  List<Long> shares() {
    return subscription.status().partitions().stream()
        .collect(
            java.util.stream.Collectors.groupingBy(
                p -> p.owner().orElse("nobody"), java.util.stream.Collectors.counting()))
        .values()
        .stream()
        .sorted()
        .toList();
  }

  /** As {@link SubscriptionNode#replay()}. */
  String replay() {
    Thread thread = Thread.currentThread();
    String name = thread.getName();
    thread.setName(SubscriptionNode.COMMANDS);
    try {
      var replay = subscription.parked().replay();
      return replay.handled() + " " + replay.failed().size();
    } finally {
      thread.setName(name);
    }
  }

  @Override
  public void close() {
    subscription.close();
    store.close();
  }

  private final class Telling implements SubscriptionListener {

    @Override
    public void failed(String name, int partition, Position position, Throwable error) {
      said.add("FAILED " + partition + " " + position + " " + error);
    }

    @Override
    public void parked(String name, int partition, ParkedEvent event) {
      said.add("PARKED " + event.position() + " " + event.attempts());
    }

    @Override
    public void leaseTaken(String name, int partition, long epoch) {
      said.add("TAKEN " + partition + " " + epoch);
    }

    @Override
    public void leaseEnded(String name, int partition, boolean lost) {
      said.add((lost ? "LOST " : "GIVEN ") + partition);
    }

    @Override
    public void caughtUp(String name, int partition, Position position) {
      said.add("CAUGHT UP " + partition + " " + position);
    }

    @Override
    public void stopped(String name, Throwable error) {
      said.add("STOPPED " + error);
    }
  }
}
