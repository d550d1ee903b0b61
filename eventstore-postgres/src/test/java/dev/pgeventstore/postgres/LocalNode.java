package dev.pgeventstore.postgres;

import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionListener.Failed;
import dev.pgeventstore.subscription.SubscriptionListener.LeaseEnded;
import dev.pgeventstore.subscription.SubscriptionListener.LeaseTaken;
import dev.pgeventstore.subscription.SubscriptionListener.Parked;
import dev.pgeventstore.subscription.SubscriptionListener.Place;
import dev.pgeventstore.subscription.SubscriptionListener.Stopped;
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
    public void failed(Failed failure) {
      said.add("FAILED " + failure.partition() + " " + failure.position() + " " + failure.error());
    }

    @Override
    public void parked(Parked parked) {
      said.add("PARKED " + parked.event().position() + " " + parked.event().attempts());
    }

    @Override
    public void leaseTaken(LeaseTaken lease) {
      said.add("TAKEN " + lease.partition() + " " + lease.epoch());
    }

    @Override
    public void leaseEnded(LeaseEnded lease) {
      said.add((lease.lost() ? "LOST " : "GIVEN ") + lease.partition());
    }

    @Override
    public void caughtUp(Place place) {
      said.add("CAUGHT UP " + place.partition() + " " + place.position());
    }

    @Override
    public void stopped(Stopped stop) {
      said.add("STOPPED " + stop.error());
    }
  }
}
