package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.subscribe.PrefetchingReader.Waking;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import java.util.List;
import java.util.Optional;

/**
 * Handles the events of one partition while this node has its lease, in {@link LaneTurn turns}. It
 * has a thread while its handler runs, and for a moment when something is to be read or stored;
 * none while it waits: for events, its lease, its predecessor, the end of a back-off, or other
 * partitions. Safe for many threads.
 *
 * <p>The checkpoint moves only in the lane's own tenure, from where the lane stands, and in the
 * incarnation of the server that the events were read in. So whatever happens to the lane, the
 * lease or the server, what the handler writes in the database happens exactly once.
 */
final class Lane {

  private final RunningSubscription subscription;
  private final LaneParts parts;
  private List<Lane> predecessors;
  private final Turns turns;

  /** The incarnation in which its present position is one; empty while that is not known. */
  private volatile String incarnation = "";

  /**
   * @param predecessors the earlier ones of the same partition that have not ended: all of them end
   *     first, and one that hangs may have others behind it
   */
  Lane(
      Engine engine,
      RunningSubscription subscription,
      LaneSetting setting,
      Share share,
      Progress progress,
      List<Lane> predecessors) {
    this.subscription = subscription;
    this.predecessors = predecessors;
    SubscriptionTables tables =
        setting.tables().through(new LaneConnections(setting.tables().connections(), progress));
    this.parts =
        LaneParts.of(
            engine.scheduler(),
            setting.spec(),
            share,
            tables,
            setting.suspects(),
            progress,
            new LaneNews(subscription, setting.spec().name(), share));
    String number = share.partitions() == 1 ? "" : "-" + share.partition();
    this.turns =
        engine.turns(
            "eventstore-subscription-" + setting.spec().name() + number,
            new LaneTurn(
                engine.scheduler(),
                this,
                parts,
                new LaneFailures(parts, subscription),
                setting.readers(),
                tables,
                setting.errands()));
  }

  /** It may have something to do. */
  void wake() {
    turns.wake();
  }

  Tenure tenure() {
    return parts.share().tenure();
  }

  Progress.Snapshot progress() {
    return parts.progress().snapshot();
  }

  /** Whether it has come to a position in an incarnation of the server. */
  boolean hasReached(long position, String in) {
    // Asked before and after: in between it may have been set back.
    return incarnation.equals(in) && progress().position() >= position && incarnation.equals(in);
  }

  /** Whether its position is known to be one of an incarnation. */
  boolean isIn(String that) {
    return incarnation.equals(that);
  }

  boolean maySetAside() {
    return parts.transactions().maySetAside();
  }

  /** The lease was renewed: until then nobody else can have it. */
  void renewed(long untilNanos) {
    parts.lease().renewed(untilNanos);
    turns.wake();
  }

  /** Stops after what is being handled, and gives the lease back. */
  void askToStop() {
    parts.progress().askToStop();
    turns.wake();
  }

  /** Another node has the lease. What is being handled cannot be committed any more. */
  void lose() {
    parts.lease().lose();
    askToStop();
  }

  /** What it failed with, if that is why it ends. */
  Optional<Throwable> failure() {
    return parts.progress().failure();
  }

  boolean hasEnded() {
    return parts.progress().hasEnded();
  }

  /** Waits until nothing of it goes on, or it has waited for a connection for too long. */
  void join() throws InterruptedException {
    parts.progress().awaitEnd();
  }

  // What its turns call.

  /** Two never handle events of one partition at the same time in this process. */
  boolean predecessorHasEnded() {
    if (!predecessors.stream().allMatch(Lane::hasEnded)) {
      return false;
    }
    predecessors = List.of();
    return true;
  }

  void begin() {
    subscription.began(this);
  }

  void isNowIn(String that) {
    incarnation = that;
  }

  void reachedBarrier() {
    subscription.reachedBarrier();
  }

  /** How it is woken by what it reads. */
  Waking waking() {
    return new Waking() {
      @Override
      public void mayHaveNews() {
        turns.wake();
      }

      @Override
      public void hasPage() {
        turns.lookNow();
      }
    };
  }

  void end() {
    try {
      subscription.ended(this, parts.lease().isLost());
    } finally {
      parts.progress().end();
      subscription.wakeLanes();
    }
  }
}
