package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.AppendLostException;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.subscribe.AwaitedStreams.Passed;
import dev.pgeventstore.postgres.internal.tables.EventsTable.Found;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Leased;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Membership;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.SubscriptionStatusQuery.Checkpoints;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.ParkedEvents;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.subscription.QueryMismatchException;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A subscription on this node: a lane for each partition whose lease it has. Safe for many threads.
 */
final class RunningSubscription implements Subscription {

  private static final Logger LOG = LoggerFactory.getLogger(RunningSubscription.class);

  /** How often the checkpoints of other nodes are looked at while somebody waits for them. */
  private static final long SHORTEST_LOOK_MILLIS = 5;

  private static final long LONGEST_LOOK_MILLIS = 100;

  private final Scheduler scheduler;
  private final SubscriptionSpec spec;
  private final Readers readers;
  private final SubscriptionTables tables;
  private final ParkingLot parked;
  private final LeaseKeeper keeper;
  private final StatusReport report;
  private final AppendFates fates;

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
    this.fates = new AppendFates(spec.name(), tables);
    this.suspects = suspects;
    this.lock = scheduler.newLock();
    this.changed = lock.newCondition();
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
    boolean interrupted = Thread.currentThread().isInterrupted();
    try {
      what.accept(spec.listener());
    } catch (RuntimeException | Error e) {
      LOG.warn("The listener of subscription {} failed", name(), Causes.loggable(e));
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    } else {
      Thread.interrupted();
    }
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
    long began = scheduler.nanoTime();
    long deadline = began + Durations.nanos(timeout);
    long wanted = append.position().value();
    try {
      while (true) {
        Passed passed = awaitPassed(append.versions().keySet(), wanted, deadline);
        if (!isStill(passed.incarnation(), began)) {
          pauseUntilLooking(wanted, deadline);
          continue;
        }
        try {
          if (!AppendFates.isCertainIn(append, passed.incarnation())) {
            // Looked for after it was passed: its position may be another event's by now.
            Found found = fates.find(append);
            wanted = Math.max(wanted, found.position().orElseThrow().value());
            if (!found.incarnation().equals(passed.incarnation()) || wanted > passed.position()) {
              continue;
            }
          }
          if (passed.setAside()) {
            fates.requireApplied(append);
          }
          return;
        } catch (EventStoreException e) {
          // A connection that is lost is no answer, and the time is not over for it.
          if (!SqlErrors.isTransient(e)) {
            throw e;
          }
          pauseUntilLooking(wanted, deadline);
        }
      }
    } catch (TimeoutException e) {
      if (!AppendFates.isCertainIn(append, incarnation()) && fates.isLost(append)) {
        throw new AppendLostException(append);
      }
      throw e;
    }
  }

  /**
   * Whether the server has been in an incarnation since a moment. The append names the incarnation
   * that was known before it was sent: a failover that nobody had observed by then leaves lanes
   * where they stood in the history before, and the append may have one of those positions.
   */
  private boolean isStill(String incarnation, long since) {
    try {
      return report.incarnationSince(since).equals(incarnation);
    } catch (SQLException e) {
      if (!SqlErrors.isTransient(e)) {
        throw SqlErrors.of("the incarnation of the server cannot be observed", e);
      }
      return false;
    }
  }

  private void pauseUntilLooking(long wanted, long deadline)
      throws TimeoutException, InterruptedException {
    if (deadline - scheduler.nanoTime() <= 0) {
      throw new TimeoutException(explain(wanted));
    }
    pause(SHORTEST_LOOK_MILLIS);
  }

  /** The incarnation of the server, as it was observed last. */
  private String incarnation() {
    return report.incarnation();
  }

  /** Waits until all partitions of some streams have come to a position in one incarnation. */
  private Passed awaitPassed(Set<StreamId> streams, long wanted, long deadline)
      throws TimeoutException, InterruptedException {
    AwaitedStreams awaited = new AwaitedStreams(streams, wanted, incarnation());
    long look = SHORTEST_LOOK_MILLIS;
    while (true) {
      if (awaitHere(awaited, deadline)) {
        String now = incarnation();
        if (now.equals(awaited.incarnation())) {
          return awaited.passed();
        }
        awaited.startOver(now);
        continue;
      }
      // Other nodes handle what is left, or none does. Asked before looking: what was handled here
      // is stored by the time that it has ended.
      boolean over = hasEnded();
      lookElsewhere(awaited);
      if (awaited.isEmpty()) {
        return awaited.passed();
      }
      if (over) {
        throw ended(wanted);
      }
      if (deadline - scheduler.nanoTime() <= 0) {
        throw new TimeoutException(explain(wanted));
      }
      pause(Math.min(look, 1 + TimeUnit.NANOSECONDS.toMillis(deadline - scheduler.nanoTime())));
      look = Math.min(2 * look, LONGEST_LOOK_MILLIS);
    }
  }

  /** Waits for the partitions that this node handles. True if nothing is left to be waited for. */
  private boolean awaitHere(AwaitedStreams awaited, long deadline)
      throws InterruptedException, TimeoutException {
    lock.lockInterruptibly();
    try {
      while (true) {
        boolean elsewhere = false;
        for (StreamId stream : awaited.pending()) {
          Lane lane = lanes.get(Partitions.of(stream, partitions));
          if (lane == null || !lane.isIn(awaited.incarnation())) {
            elsewhere = true;
          } else if (lane.hasReached(awaited.wanted(), awaited.incarnation())) {
            awaited.pass(stream, lane.maySetAside());
          }
        }
        if (awaited.isEmpty()) {
          return true;
        }
        if (elsewhere || isOver()) {
          return false;
        }
        long remaining = deadline - scheduler.nanoTime();
        if (remaining <= 0) {
          break;
        }
        long unused = changed.awaitNanos(remaining);
      }
    } finally {
      lock.unlock();
    }
    throw new TimeoutException(explain(awaited.wanted()));
  }

  private IllegalStateException ended(long wanted) {
    lock.lock();
    try {
      return new IllegalStateException(
          "subscription %s has %s at position %d, and has not applied position %d"
              .formatted(name(), failure == null ? "stopped" : "failed", reached, wanted),
          failure);
    } finally {
      lock.unlock();
    }
  }

  private void lookElsewhere(AwaitedStreams awaited) {
    Checkpoints found;
    try {
      found = tables.connections().use(c -> tables.status().checkpoints(c, name()));
    } catch (SQLException e) {
      if (!SqlErrors.isTransient(e) && !hasEnded()) {
        throw SqlErrors.of("the checkpoints of subscription " + name() + " cannot be read", e);
      }
      return;
    }
    if (found.positions().isEmpty()) {
      throw new IllegalStateException(
          "subscription %s was removed: it has no checkpoint any more".formatted(name()), failure);
    }
    awaited.look(found);
  }

  private void pause(long millis) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long remaining = TimeUnit.MILLISECONDS.toNanos(millis);
      while (remaining > 0) {
        remaining = changed.awaitNanos(remaining);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Where it is, and what keeps it. */
  private String explain(long wanted) {
    SubscriptionStatus status = status();
    StringBuilder text =
        new StringBuilder(
            "subscription %s is at position %s of %s settled, not yet at %d"
                .formatted(name(), status.position(), status.highWaterMark(), wanted));
    status
        .partitions()
        .forEach(
            partition ->
                partition
                    .error()
                    .ifPresent(
                        error ->
                            text.append(
                                "; partition %d: %s".formatted(partition.number(), error))));
    status.blockers().forEach(blocker -> text.append("; held back by ").append(blocker));
    status.complaint().ifPresent(complaint -> text.append("; ").append(complaint));
    return text.toString();
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

  private record Taken(String subscription, int partition, long epoch)
      implements SubscriptionListener.LeaseTaken {}

  private record Ended(String subscription, int partition, boolean lost)
      implements SubscriptionListener.LeaseEnded {}

  private record Stopped(String subscription, Throwable error)
      implements SubscriptionListener.Stopped {}
}
