package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.Listeners;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Leased;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Membership;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.ParkedEvents;
import dev.pgeventstore.subscription.QueryMismatchException;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A subscription on this node: a lane for each partition whose lease it has. Safe for many threads.
 */
final class RunningSubscription implements Subscription {

  private final Scheduler scheduler;
  private final SubscriptionSpec spec;
  private final Readers readers;
  private final SubscriptionTables tables;
  private final ParkingLot parked;
  private final LeaseKeeper keeper;
  private final StatusReport report;
  private final AppliedWait applied;

  /** Of the whole process: held while an event is handled that may have ended the last owner. */
  private final Lock suspects;

  private final Lock lock;
  private final Condition changed;
  private final Map<Integer, Lane> lanes = new HashMap<>();

  /** Also those that are no longer among the lanes but have not ended. */
  private final List<Lane> alive = new ArrayList<>();

  private int partitions = 1;

  /** Where the lane stood that ended last. */
  private long reached;

  private boolean closing;
  private @Nullable Throwable failure;

  RunningSubscription(
      Scheduler scheduler,
      SubscriptionSpec spec,
      Readers readers,
      SubscriptionTables tables,
      ParkingLot parked,
      LeaseKeeper keeper,
      StatusReport report,
      Lock suspects) {
    this.scheduler = scheduler;
    this.spec = spec;
    this.readers = readers;
    this.tables = tables;
    this.parked = parked;
    this.keeper = keeper;
    this.report = report;
    this.suspects = suspects;
    this.lock = scheduler.newLock();
    this.changed = lock.newCondition();
    this.applied =
        new AppliedWait(scheduler, spec.name(), tables, report, lock, changed, new Here());
  }

  @Override
  public String name() {
    return spec.name();
  }

  Duration leaseTime() {
    return spec.leaseTime();
  }

  /** What this node takes part in. */
  Membership membership() {
    return new Membership(name(), leaseTime(), spec.query().canonicalText());
  }

  /**
   * The leases as they were some time after a moment.
   *
   * @return what ends the subscription on this node; the caller tells it so when it holds no lock
   */
  Optional<Throwable> leases(List<Leased> leases, long askedNanos) {
    Optional<Throwable> end = endOf(leases);
    if (end.isEmpty()) {
      take(leases, askedNanos);
    }
    return end;
  }

  private Optional<Throwable> endOf(List<Leased> leases) {
    String query = spec.query().canonicalText();
    Optional<String> other =
        leases.stream()
            .flatMap(lease -> lease.query().stream())
            .filter(declared -> !declared.equals(query))
            .findFirst();
    if (other.isPresent()) {
      return Optional.of(
          new QueryMismatchException(
              "subscription %s was declared anew with the query [%s]; this node declares [%s], so it has left. What it has not committed, a node that declares the new query handles"
                  .formatted(name(), other.get(), query),
              other.get(),
              query));
    }
    Optional<Leased> stopped = leases.stream().filter(Leased::stopped).findFirst();
    if (stopped.isPresent()) {
      return Optional.of(
          new EventStoreException(
              "subscription %s was stopped by an error: %s"
                  .formatted(name(), stopped.get().error().orElse("unknown"))));
    }
    return leases.isEmpty()
        ? Optional.of(
            new EventStoreException(
                "subscription %s was removed: it has no checkpoint any more".formatted(name())))
        : Optional.empty();
  }

  private void take(List<Leased> leases, long askedNanos) {
    lock.lock();
    try {
      if (closing || failure != null) {
        return;
      }
      for (Leased lease : leases) {
        partitions = lease.partitions();
        if (lease.owner().filter(keeper.owner()::equals).isPresent()) {
          have(lease, askedNanos + TimeUnit.MILLISECONDS.toNanos(lease.millisLeft()));
        } else {
          lose(lease.key().partition());
        }
      }
      for (int number : List.copyOf(lanes.keySet())) {
        if (leases.stream().noneMatch(lease -> lease.key().partition() == number)) {
          lose(number);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void have(Leased lease, long untilNanos) {
    int number = lease.key().partition();
    Lane lane = lanes.get(number);
    if (lane != null && lane.tenure().epoch() == lease.epoch()) {
      lane.renewed(untilNanos);
      if (lease.givesBack()) {
        lane.askToStop();
      }
      return;
    }
    if (lane != null) {
      lane.lose();
    }
    Lane next =
        new Lane(
            scheduler,
            this,
            spec,
            readers,
            tables,
            suspects,
            new Share(new Tenure(lease.key(), keeper.owner(), lease.epoch()), lease.partitions()),
            new Progress(scheduler, lock, changed));
    next.renewed(untilNanos);
    lanes.put(number, next);
    Lane before =
        alive.stream()
            .filter(other -> other.tenure().key().partition() == number)
            .reduce((first, last) -> last)
            .orElse(null);
    alive.add(next);
    next.start(before);
  }

  private void lose(int number) {
    Lane lane = lanes.remove(number);
    if (lane != null) {
      lane.lose();
    }
  }

  /** A lane begins to handle events. */
  void began(Lane lane) {
    int partition = lane.tenure().key().partition();
    tell(listener -> listener.leaseTaken(new Taken(name(), partition, lane.tenure().epoch())));
  }

  /** A lane has ended. Called by its thread. */
  void ended(Lane lane, boolean lost) {
    try {
      if (!lost) {
        keeper.giveBack(lane.tenure());
      }
    } finally {
      forget(lane, lost);
    }
  }

  private void forget(Lane lane, boolean lost) {
    int partition = lane.tenure().key().partition();
    tell(listener -> listener.leaseEnded(new Ended(name(), partition, lost)));
    boolean last;
    lock.lock();
    try {
      lanes.remove(lane.tenure().key().partition(), lane);
      alive.remove(lane);
      reached = lane.progress().position();
      last = alive.isEmpty() && (closing || failure != null);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (last) {
      keeper.leave(name());
    }
    keeper.wake();
  }

  /** A lane stands at a barrier: if all do, the partitions are to be divided anew. */
  void reachedBarrier() {
    keeper.wake();
  }

  /** The subscription stops with an error, all of it. */
  void failed(Throwable cause) {
    boolean none;
    leaveKeeper();
    lock.lock();
    try {
      if (failure != null || closing) {
        return;
      }
      failure = cause;
      lanes.values().forEach(Lane::askToStop);
      none = alive.isEmpty();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    tell(listener -> listener.stopped(new Stopped(name(), cause)));
    if (none) {
      keeper.leave(name());
    }
  }

  /** Tells the listener, whatever it throws, and whatever interrupt it leaves behind. */
  void tell(Consumer<SubscriptionListener> what) {
    Listeners.call("subscription " + name(), () -> what.accept(spec.listener()));
  }

  @Override
  public ParkedEvents parked() {
    return parked;
  }

  @Override
  public SubscriptionStatus status() {
    Map<Integer, Progress.Snapshot> local = new HashMap<>();
    State state;
    Throwable error;
    lock.lock();
    try {
      lanes.forEach((number, lane) -> local.put(number, lane.progress()));
      error = failure;
      state = state();
    } finally {
      lock.unlock();
    }
    return report.of(spec, state, Optional.ofNullable(error), local, keeper.owner());
  }

  @Override
  public void awaitApplied(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException {
    applied.until(append, timeout);
  }

  /** What it does on this node. The lock is held. */
  private State state() {
    if (isOver()) {
      return failure != null ? State.FAILED : State.STOPPED;
    }
    return alive.isEmpty() ? State.WAITING : State.RUNNING;
  }

  /** It does nothing any more; what it was doing is done. The lock is held. */
  private boolean isOver() {
    return (closing || failure != null) && alive.isEmpty();
  }

  boolean hasEnded() {
    lock.lock();
    try {
      return isOver();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    join(askToStop());
  }

  /**
   * Asks it to stop.
   *
   * @return the lanes that have not ended; none if it was asked before
   */
  List<Lane> askToStop() {
    boolean none;
    List<Lane> toEnd;
    leaveKeeper();
    lock.lock();
    try {
      if (closing) {
        return List.of();
      }
      closing = true;
      none = alive.isEmpty();
      toEnd = List.copyOf(alive);
      toEnd.forEach(Lane::askToStop);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (none && failure == null) {
      keeper.leave(name());
    }
    return toEnd;
  }

  /**
   * Before it is over: whoever ends it gives back what it has, and the keeper, if it has renewed
   * that meanwhile, sees that it no longer has to, and that nobody gives it back again.
   */
  private void leaveKeeper() {
    keeper.remove(this);
  }

  /** Waits until lanes have ended, unless the caller is a thread that they may wait for. */
  static void join(List<Lane> lanes) {
    if (EngineThread.isCurrent()) {
      return;
    }
    try {
      for (Lane lane : lanes) {
        lane.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** What those who wait for an append look at. */
  private final class Here implements AppliedWait.Here {

    @Override
    public int partitions() {
      return partitions;
    }

    @Override
    public @Nullable Lane lane(int partition) {
      return lanes.get(partition);
    }

    @Override
    public boolean isOver() {
      return RunningSubscription.this.isOver();
    }

    @Override
    public @Nullable Throwable failure() {
      return failure;
    }

    @Override
    public long reached() {
      return reached;
    }

    @Override
    public SubscriptionStatus status() {
      return RunningSubscription.this.status();
    }
  }

  private record Taken(String subscription, int partition, long epoch)
      implements SubscriptionListener.LeaseTaken {}

  private record Ended(String subscription, int partition, boolean lost)
      implements SubscriptionListener.LeaseEnded {}

  private record Stopped(String subscription, Throwable error)
      implements SubscriptionListener.Stopped {}
}
