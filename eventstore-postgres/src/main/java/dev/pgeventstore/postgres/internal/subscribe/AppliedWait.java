package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.AppendLostException;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.internal.Backoff;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.subscribe.AwaitedPartitions.Passed;
import dev.pgeventstore.postgres.internal.tables.EventsTable.Found;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.SubscriptionStatusQuery.Checkpoints;
import dev.pgeventstore.subscription.SubscriptionStatus;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * Waits until a subscription has applied an append, or has passed a position: at the lanes of this
 * node while they run, and by looking at the stored checkpoints for what other nodes handle. Safe
 * for many threads.
 *
 * <p>It is longer than other classes because waiting for an append and waiting for a position share
 * each step but one.
 */
final class AppliedWait {

  /** How often the checkpoints of other nodes are looked at while somebody waits for them. */
  private static final long SHORTEST_LOOK_MILLIS = 5;

  private static final long LONGEST_LOOK_MILLIS = 100;

  private final Scheduler scheduler;
  private final String name;
  private final SubscriptionTables tables;
  private final StatusReport report;
  private final AppendFates fates;
  private final Lock lock;
  private final Condition changed;
  private final Here here;

  /**
   * At one subscription.
   *
   * @param name of the subscription
   * @param lock guards what runs here
   * @param changed is signalled when a lane has moved, or has begun or ended
   */
  AppliedWait(
      Scheduler scheduler,
      String name,
      SubscriptionTables tables,
      StatusReport report,
      Lock lock,
      Condition changed,
      Here here) {
    this.scheduler = scheduler;
    this.name = name;
    this.tables = tables;
    this.report = report;
    this.fates = new AppendFates(name, tables);
    this.lock = lock;
    this.changed = changed;
    this.here = here;
  }

  /**
   * Waits until an append was applied, as {@code Subscription.awaitApplied} says. One without
   * streams stands for its position alone.
   */
  void until(AppendResult append, Duration timeout) throws TimeoutException, InterruptedException {
    long began = scheduler.nanoTime();
    long deadline = began + Durations.nanos(timeout);
    long wanted = append.position().value();
    try {
      while (true) {
        Passed passed = awaitPassed(append, wanted, deadline);
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
      if (!AppendFates.isCertainIn(append, report.incarnation()) && fates.isLost(append)) {
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

  /** Waits until all partitions of an append have come to a position in one incarnation. */
  private Passed awaitPassed(AppendResult append, long wanted, long deadline)
      throws TimeoutException, InterruptedException {
    AwaitedPartitions awaited = new AwaitedPartitions(append, wanted, report.incarnation());
    Backoff looks = new Backoff(SHORTEST_LOOK_MILLIS, LONGEST_LOOK_MILLIS);
    while (true) {
      if (awaitHere(awaited, deadline)) {
        String now = report.incarnation();
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
      long left = 1 + TimeUnit.NANOSECONDS.toMillis(deadline - scheduler.nanoTime());
      pause(Math.min(looks.next(), left));
    }
  }

  /** Waits for the partitions that this node handles. True if nothing is left to be waited for. */
  private boolean awaitHere(AwaitedPartitions awaited, long deadline)
      throws InterruptedException, TimeoutException {
    lock.lockInterruptibly();
    try {
      while (true) {
        boolean elsewhere = false;
        for (int partition : awaited.pending(here.partitions())) {
          Lane lane = here.lane(partition);
          if (lane == null || !lane.isIn(awaited.incarnation())) {
            elsewhere = true;
          } else if (lane.hasReached(awaited.wanted(), awaited.incarnation())) {
            awaited.pass(partition, lane.maySetAside());
          }
        }
        if (awaited.isEmpty()) {
          return true;
        }
        if (elsewhere || here.isOver()) {
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

  private void lookElsewhere(AwaitedPartitions awaited) {
    Checkpoints found;
    try {
      found = tables.connections().use(c -> tables.status().checkpoints(c, name));
    } catch (SQLException e) {
      if (!SqlErrors.isTransient(e) && !hasEnded()) {
        throw SqlErrors.of("the checkpoints of subscription " + name + " cannot be read", e);
      }
      return;
    }
    if (found.positions().isEmpty()) {
      throw removed();
    }
    awaited.look(found);
  }

  private boolean hasEnded() {
    lock.lock();
    try {
      return here.isOver();
    } finally {
      lock.unlock();
    }
  }

  private IllegalStateException ended(long wanted) {
    lock.lock();
    try {
      Throwable failure = here.failure();
      return new IllegalStateException(
          "subscription %s has %s at position %d, and has not applied position %d"
              .formatted(name, failure == null ? "stopped" : "failed", here.reached(), wanted),
          failure);
    } finally {
      lock.unlock();
    }
  }

  private IllegalStateException removed() {
    lock.lock();
    try {
      return new IllegalStateException(
          "subscription %s was removed: it has no checkpoint any more".formatted(name),
          here.failure());
    } finally {
      lock.unlock();
    }
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
    SubscriptionStatus status = here.status();
    StringBuilder text =
        new StringBuilder(
            "subscription %s is at position %s of %s settled, not yet at %d"
                .formatted(name, status.position(), status.highWaterMark(), wanted));
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
    status
        .blockers()
        .forEach(blocker -> text.append("; held back by ").append(StatusReport.name(blocker)));
    status.complaint().ifPresent(complaint -> text.append("; ").append(complaint));
    return text.toString();
  }

  /** What a subscription does on this node. All but the status are asked with the lock held. */
  interface Here {

    /** How many partitions there are, as far as this node knows. */
    int partitions();

    /** What handles a partition here. */
    @Nullable Lane lane(int partition);

    /** Whether nothing runs here any more, and what ran has ended. */
    boolean isOver();

    /** What has stopped it; null if nothing has. */
    @Nullable Throwable failure();

    /** Where the lane stood that ended last. */
    long reached();

    /** Its status on all nodes. */
    SubscriptionStatus status();
  }
}
