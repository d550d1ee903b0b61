package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.internal.AppendNews;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Answer;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Outcome;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.SQLException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** An append in progress. Its calling thread waits for it, or it has a future. */
final class PendingAppend {

  private static final long SHORTEST_DELAY_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
  private static final long LONGEST_DELAY_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private final Append append;
  private final AppendRequest request;
  private final @Nullable AppendNews news;
  private final Scheduler scheduler;
  private final Thread caller = Thread.currentThread();
  private volatile @Nullable Thread waiter;
  private final CompletableFuture<AppendResult> future = new CompletableFuture<>();

  private @Nullable Answer answer;
  private @Nullable Throwable failure;
  private boolean released;
  private long delayNanos;
  private long notBeforeNanos;

  /** Set if the waiting thread must send the next batch. */
  private final AtomicBoolean chosen = new AtomicBoolean();

  /** Publishes the result to the waiting thread. */
  private volatile boolean done;

  private PendingAppend(
      Append append,
      AppendRequest request,
      @Nullable AppendNews news,
      Scheduler scheduler,
      @Nullable Thread waiter) {
    this.append = append;
    this.request = request;
    this.news = news;
    this.scheduler = scheduler;
    this.waiter = waiter;
  }

  /** Creates an append that the calling thread waits for. */
  static PendingAppend ofThisThread(
      Append append, AppendRequest request, @Nullable AppendNews news, Scheduler scheduler) {
    return new PendingAppend(append, request, news, scheduler, Thread.currentThread());
  }

  /** Creates an append with a future, for which no thread needs to wait. */
  static PendingAppend withFuture(
      Append append, AppendRequest request, @Nullable AppendNews news, Scheduler scheduler) {
    return new PendingAppend(append, request, news, scheduler, null);
  }

  /** Called when the append is sent. */
  void sending() {
    if (news != null) {
      news.sending();
    }
  }

  AppendRequest request() {
    return request;
  }

  CompletableFuture<AppendResult> future() {
    return future;
  }

  /** The calling thread. */
  Thread caller() {
    return caller;
  }

  boolean hasWaiter() {
    return waiter != null;
  }

  /** The calling thread no longer waits. */
  void abandon() {
    waiter = null;
  }

  // Until the append is done, the following methods require the group's lock.

  void answered(Answer with) {
    answer = with;
  }

  void failed(Throwable with) {
    failure = with;
  }

  /**
   * Whether another transaction holds a row, so that nothing was written and the append must be
   * retried.
   */
  boolean isBusy() {
    return failure == null && (answer == null || answer.outcome() == Outcome.BUSY);
  }

  /** Whether the append was sent and it is unknown if it is committed. */
  boolean isUnknown() {
    return failure instanceof Error
        || (failure instanceof SQLException e
            && !(e instanceof Sender.NotSentException)
            && SqlErrors.isConnectionLost(e));
  }

  /** Postpones the next attempt, each time for longer. */
  void delay(long nowNanos) {
    answer = null;
    delayNanos = Math.min(Math.max(SHORTEST_DELAY_NANOS, 2 * delayNanos), LONGEST_DELAY_NANOS);
    notBeforeNanos = nowNanos + delayNanos;
  }

  boolean isDelayed() {
    return delayNanos > 0;
  }

  /** How long until the append may be sent; 0 or less if it may be sent now. */
  long nanosUntilDue(long nowNanos) {
    return isDelayed() ? notBeforeNanos - nowNanos : 0;
  }

  /** Chooses the waiting thread to send the next batch, and wakes it. */
  void choose() {
    chosen.set(true);
    scheduler.unpark(waiter);
  }

  /** Returns true, once, if the waiting thread must send the next batch. */
  boolean takeChoice() {
    return chosen.get() && chosen.getAndSet(false);
  }

  /** Marks the result as final; it is about to be delivered. */
  void setReleased() {
    released = true;
  }

  boolean isReleased() {
    return released;
  }

  /** Wakes the waiting thread with its result. */
  void release() {
    Thread thread = waiter;
    done = true;
    if (thread != Thread.currentThread()) {
      scheduler.unpark(thread);
    }
  }

  boolean isDone() {
    return done;
  }

  /** Completes the future, and runs the actions that depend on it. */
  void complete() {
    AppendResult result;
    try {
      result = result();
    } catch (RuntimeException | Error e) {
      if (news != null) {
        news.failed(e);
      }
      future.completeExceptionally(e);
      return;
    }
    if (news != null) {
      news.committed(result);
    }
    future.complete(result);
  }

  /** The result for the caller. */
  AppendResult result() {
    if (failure instanceof SQLException e) {
      throw Failures.of(append.toString(), e);
    }
    if (failure instanceof Error e) {
      throw e;
    }
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (answer == null) {
      throw new IllegalStateException("there is no result yet: " + append);
    }
    return Answers.result(append, answer, request.incarnation());
  }

  @Override
  public String toString() {
    return append.toString();
  }
}
