package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.Listeners;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Leased;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Membership;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.ParkedEvents;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import java.time.Duration;
import java.util.ArrayList;
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
 *
 * <pre>
 *   RUNNING --> closing, or failed --> over, when the last lane has ended
 * </pre>
 *
 * <p>It is longer than other classes because it is what the application holds: most of its methods
 * only delegate.
 */
final class RunningSubscription implements Subscription {

  private static final long LOOK_AGAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final SubscriptionSpec spec;
  private final ParkingLot parked;
  private final LeaseKeeper keeper;
  private final StatusReport report;
  private final AppliedWait applied;

  /** Guards the following. */
  private final Lock lock;

  private final Condition changed;
  private final Lanes lanes;
  private boolean closing;

  /** It has no lane any more, and its leases are being given back. */
  private boolean leaving;

  private @Nullable Throwable failure;

  RunningSubscription(
      Engine engine,
      LaneSetting setting,
      ParkingLot parked,
      LeaseKeeper keeper,
      StatusReport report) {
    this.spec = setting.spec();
    this.parked = parked;
    this.keeper = keeper;
    this.report = report;
    this.lock = engine.scheduler().newLock();
    this.changed = lock.newCondition();
    this.lanes = new Lanes(engine, this, setting, keeper.owner(), lock, changed);
    this.applied =
        new AppliedWait(
            engine.scheduler(), name(), setting.tables(), report, lock, changed, new Here());
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
    Optional<Throwable> end =
        LeaseVerdict.end(name(), spec.query().canonicalText(), leases, this::ownFailure);
    if (end.isEmpty()) {
      lock.lock();
      try {
        if (!closing && failure == null) {
          lanes.take(leases, askedNanos);
        }
      } finally {
        lock.unlock();
      }
    }
    return end;
  }

  /** What the handler of a partition has failed with here, if that is why the partition stops. */
  private Optional<Throwable> ownFailure(int partition) {
    lock.lock();
    try {
      return Optional.ofNullable(lanes.of(partition)).flatMap(Lane::failure);
    } finally {
      lock.unlock();
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
      lanes.ended(lane);
      last = isOver();
      leaving |= last;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (last) {
      leave();
    }
    keeper.wake();
  }

  private void leave() {
    try {
      keeper.leave(List.of(name()));
    } finally {
      left();
    }
  }

  private void left() {
    lock.lock();
    try {
      leaving = false;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** A lane is over, and another one may have waited for that. */
  void wakeLanes() {
    lock.lock();
    try {
      lanes.wake();
    } finally {
      lock.unlock();
    }
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
      lanes.askToStop();
      none = isOver();
      leaving |= none;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (none) {
      // First: a listener may wait for that before it starts the subscription anew.
      leave();
    }
    tell(listener -> listener.stopped(new Stopped(name(), cause)));
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
    Map<Integer, Progress.Snapshot> local;
    State state;
    Throwable error;
    lock.lock();
    try {
      local = lanes.progress();
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
    return lanes.isEmpty() ? State.WAITING : State.RUNNING;
  }

  /** It does nothing any more; what it was doing is done. The lock is held. */
  private boolean isOver() {
    return (closing || failure != null) && lanes.isEmpty();
  }

  /**
   * Waits until it has given back what it had, for as long as that may take at most. The
   * subscription that is started after it has the same owner, and would lose its leases to that.
   */
  void awaitLeft() {
    boolean interrupted = false;
    lock.lock();
    try {
      while (leaving) {
        try {
          long unused = changed.awaitNanos(LOOK_AGAIN_NANOS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      lock.unlock();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  boolean hasLeft() {
    lock.lock();
    try {
      return isOver() && !leaving;
    } finally {
      lock.unlock();
    }
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
    join(askToStop(List.of(this), keeper));
  }

  /**
   * Asks several to stop. Those that have no lane leave together, so that a pool that gives no
   * connection is waited for once.
   *
   * @return the lanes that have not ended
   */
  static List<Lane> askToStop(List<RunningSubscription> all, LeaseKeeper keeper) {
    List<Lane> toEnd = new ArrayList<>();
    List<RunningSubscription> idle = new ArrayList<>();
    try {
      for (RunningSubscription one : all) {
        one.askToStop(toEnd, idle);
      }
      keeper.leave(idle.stream().map(RunningSubscription::name).toList());
    } finally {
      idle.forEach(RunningSubscription::left);
    }
    return toEnd;
  }

  private void askToStop(List<Lane> toEnd, List<RunningSubscription> idle) {
    leaveKeeper();
    lock.lock();
    try {
      if (lanes.isEmpty() && !closing && failure == null) {
        leaving = true;
        idle.add(this);
      }
      closing = true;
      toEnd.addAll(lanes.alive());
      lanes.askToStop();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
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
      return lanes.partitions();
    }

    @Override
    public @Nullable Lane lane(int partition) {
      return lanes.of(partition);
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
      return lanes.reached();
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
