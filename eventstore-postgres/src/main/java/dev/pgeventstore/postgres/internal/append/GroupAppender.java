package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.internal.AppendNews;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * Sends appends that arrive at the same time together. While one batch is being committed, the next
 * one collects, without any added delay. Each append has its own result; one commit covers all of
 * them.
 *
 * <p>There is one batch at a time. If no batch is in flight, the calling thread sends its own
 * append. Then it wakes the first caller that arrived meanwhile, which sends the next batch (the
 * leader and its followers of group commit, as in PostgreSQL itself). So a single caller waits for
 * no other thread. The dispatcher, a thread of this class, sends appends that no thread waits for,
 * and retries those that met a locked row.
 *
 * <pre>
 *            append                          own append still open
 *   idle ───────────────&gt; a caller sends ──────────────┐
 *    ^ │                   │  │  ^ ^ └─────────────────┘
 *    │ │ appendAsync,      │  │  │ └── settled: the first waiting caller is chosen, and sends next
 *    │ └───────┐           │  │  │
 *    │         v           │  │  │ settled, a thread waits for the first append
 *    │   the dispatcher sends ┼──┘
 *    │         │              │ settled, the first append has a future or was postponed
 *    │         │ ^────────────┘
 *    └─────────┴── settled or given up, nothing waits
 *
 *   from any sending state: no response in time, or closed for too long ─&gt; the batch is given up
 *   (its outcome is unknown), and the dispatcher sends the waiting appends
 * </pre>
 *
 * <p>It is longer than other classes because one lock guards all of these transitions, and each of
 * them must leave exactly one thread that sends. Other classes have what needs no lock: the order
 * of appends in {@link AppendQueue}, sending in {@link BatchSender}, timeouts in {@link
 * AnswerWatch}, and futures in {@link Completions}.
 */
final class GroupAppender implements AutoCloseable {

  /** The longest that a batch waits for callers that are likely to append again. */
  private static final long GATHERING_NANOS = TimeUnit.MICROSECONDS.toNanos(50);

  /**
   * How long closing waits for rows that other transactions hold, for responses, and for actions
   * that depend on them.
   */
  private static final Duration CLOSING = Duration.ofSeconds(10);

  /** How long closing then waits for the batch in flight. */
  private static final long LAST_ANSWER_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Scheduler scheduler;
  private final BatchSender sender;
  private final long closingNanos;
  private final AnswerWatch watch;
  private final Completions completions;

  private final Lock lock;
  private final Condition room;
  private final Condition work;
  private final Condition idle;
  private final AppendQueue queue = new AppendQueue();
  private boolean sending;
  private @Nullable SentBatch underWay;
  private boolean closed;
  private long closedNanos;
  private Scheduler.@Nullable Task dispatcher;

  /** This and the next field are only hints, so they may be read without the lock. */
  private volatile int waiting;

  private volatile int lastSize;

  /**
   * Creates an empty group.
   *
   * @param limit how long a batch waits for its response
   */
  GroupAppender(Scheduler scheduler, BatchSender sender, Duration limit) {
    this(scheduler, sender, limit, CLOSING);
  }

  /** Creates an empty group with another limit for closing. */
  GroupAppender(Scheduler scheduler, BatchSender sender, Duration limit, Duration closing) {
    this.scheduler = scheduler;
    this.sender = sender;
    this.closingNanos = closing.toNanos();
    this.watch = new AnswerWatch(scheduler, limit, this::late);
    this.completions = new Completions(scheduler);
    this.lock = scheduler.newLock();
    this.room = lock.newCondition();
    this.work = lock.newCondition();
    this.idle = lock.newCondition();
  }

  /** Appends, and waits for the response. */
  AppendResult append(Append append, AppendRequest request, @Nullable AppendNews news) {
    PendingAppend own = PendingAppend.ofThisThread(append, request, news, scheduler);
    boolean leads = enqueue(own);
    while (true) {
      if (leads || own.takeChoice()) {
        lead(own);
        leads = false;
      }
      if (own.isDone()) {
        return own.result();
      }
      scheduler.park(this);
      // An interrupt is checked and never cleared, or one that arrives together with the response
      // would be lost.
      if (Thread.currentThread().isInterrupted() && !own.isDone()) {
        return interrupted(own);
      }
    }
  }

  /** Appends without waiting for the response. */
  CompletableFuture<AppendResult> appendAsync(
      Append append, AppendRequest request, @Nullable AppendNews news) {
    PendingAppend pending = PendingAppend.withFuture(append, request, news, scheduler);
    enqueue(pending);
    return pending.future();
  }

  /** The number of appends that wait to be sent. */
  int queued() {
    lock.lock();
    try {
      return queue.size();
    } finally {
      lock.unlock();
    }
  }

  /** Adds an append to the queue. Returns true if the calling thread must send the next batch. */
  private boolean enqueue(PendingAppend append) {
    lock.lock();
    try {
      while (!closed && !queue.hasRoom()) {
        room.await();
      }
      if (closed) {
        throw new IllegalStateException("the store is closed, nothing was written: " + append);
      }
      queue.add(append);
      waiting = queue.size();
      if (sending) {
        return false;
      }
      if (append.hasWaiter()) {
        sending = true;
        return true;
      }
      wakeDispatcher();
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw notSent(append);
    } finally {
      lock.unlock();
    }
  }

  private static EventStoreException notSent(PendingAppend append) {
    return new EventStoreException(
        "interrupted before it was sent, nothing was written: " + append);
  }

  /** Handles an interrupt of a waiting caller. Returns the result if there is one by now. */
  private AppendResult interrupted(PendingAppend own) {
    lock.lock();
    try {
      if (own.isReleased()) {
        return own.result();
      }
      boolean unsent = queue.remove(own);
      own.abandon();
      room.signalAll();
      if (!sending && queue.isEmpty()) {
        idle.signalAll();
      }
      if (own.takeChoice()) {
        handOver();
      }
      throw unsent
          ? notSent(own)
          : new OutcomeUnknownException(
              "interrupted while waiting for the response to the %s: it may be committed or not. Send the same append again: what is stored already is recognised."
                  .formatted(own),
              new InterruptedException());
    } finally {
      lock.unlock();
    }
  }

  /**
   * Sends batches until the caller's own append has its result or must be postponed. Then another
   * thread sends.
   */
  private void lead(PendingAppend own) {
    // An interrupt must not fail the rest of the batch: it is restored at the end.
    boolean interrupted = Thread.interrupted();
    try {
      boolean again = true;
      while (again) {
        SentBatch batch = take();
        again = batch != null && sendAndSettle(batch, own);
        interrupted |= Thread.interrupted();
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Waits for callers that have just got their results and are likely to append again. Otherwise a
   * batch of one, that of the fastest of them, and a batch of all the others would take turns, each
   * with a commit of its own (docs/adr/0006).
   */
  private void gather() {
    if (lastSize > 1) {
      long started = scheduler.nanoTime();
      while (waiting < lastSize && scheduler.nanoTime() - started < GATHERING_NANOS) {
        scheduler.yieldNow();
      }
    }
  }

  private @Nullable SentBatch take() {
    gather();
    lock.lock();
    try {
      SentBatch batch = takeLocked(false);
      if (batch == null) {
        // All waiting appends are postponed: the dispatcher sends them when they are due.
        sending = false;
        wakeDispatcherOrClose();
      }
      return batch;
    } finally {
      lock.unlock();
    }
  }

  private @Nullable SentBatch takeLocked(boolean dispatched) {
    List<PendingAppend> appends = queue.take(scheduler.nanoTime());
    lastSize = appends.size();
    waiting = queue.size();
    room.signalAll();
    underWay =
        appends.isEmpty() ? null : new SentBatch(appends, Exchange.watchedBy(watch), dispatched);
    return underWay;
  }

  private boolean sendAndSettle(SentBatch batch, @Nullable PendingAppend own) {
    Runnable news = sender.send(batch);
    boolean again = settle(batch, own);
    if (news != null) {
      news.run();
    }
    return again;
  }

  /** Delivers the results. Returns true if the same thread must send the next batch, too. */
  private boolean settle(SentBatch batch, @Nullable PendingAppend own) {
    List<PendingAppend> threads;
    boolean again;
    lock.lock();
    try {
      if (underWay != batch) {
        return false; // The batch was given up, and other threads have been sending since.
      }
      batch.settle();
      threads = finish(batch);
      again = own != null && !own.isReleased() && !own.isDelayed();
      if (!again) {
        handOver();
      }
    } finally {
      lock.unlock();
    }
    threads.forEach(PendingAppend::release);
    return again;
  }

  /**
   * Separates the finished appends from the postponed ones, and returns those whose threads must be
   * released. The lock is held.
   */
  private List<PendingAppend> finish(SentBatch batch) {
    underWay = null;
    List<PendingAppend> done = new ArrayList<>(batch.size());
    List<PendingAppend> busy = new ArrayList<>();
    List<PendingAppend> unknown = new ArrayList<>();
    for (PendingAppend append : batch.appends) {
      if (append.isBusy() && !isGivenUp(append)) {
        busy.add(append);
      } else {
        done.add(append);
        if (append.isUnknown()) {
          unknown.add(append);
        }
      }
    }
    queue.putOff(busy, scheduler.nanoTime());
    if (!unknown.isEmpty()) {
      done.addAll(failThoseBehind(unknown));
    }
    return completeFutures(done);
  }

  /**
   * Fails the appends behind one with an unknown outcome: they must not be carried out before it.
   */
  private List<PendingAppend> failThoseBehind(List<PendingAppend> unknown) {
    List<PendingAppend> behind = queue.removeThoseBehind(unknown);
    for (PendingAppend append : behind) {
      append.failed(
          new EventStoreException(
              "the outcome of an append to the same stream before the %s is unknown, so this one was not sent: nothing was written"
                  .formatted(append)));
    }
    return behind;
  }

  /** Hands over the appends that have futures, and returns the others, for which threads wait. */
  private List<PendingAppend> completeFutures(List<PendingAppend> done) {
    List<PendingAppend> threads = new ArrayList<>(done.size());
    List<PendingAppend> futures = new ArrayList<>();
    for (PendingAppend append : done) {
      append.setReleased();
      (append.hasWaiter() ? threads : futures).add(append);
    }
    if (!futures.isEmpty()) {
      // Added before the store can be found idle and be closed.
      completions.add(futures);
    }
    return threads;
  }

  /** A batch got no response in time. */
  private void late(Exchange exchange) {
    List<PendingAppend> threads = List.of();
    lock.lock();
    try {
      if (underWay != null && underWay.exchange == exchange) {
        threads =
            giveUp(
                underWay,
                "no response from the database within "
                    + watch.limit()
                    + ", its connection is closed");
        wakeDispatcherOrClose();
      }
    } finally {
      lock.unlock();
    }
    threads.forEach(PendingAppend::release);
  }

  /** Abandons the thread that sends a batch, whatever it waits for. The lock is held. */
  private List<PendingAppend> giveUp(SentBatch batch, String reason) {
    batch.settle(
        batch.exchange.giveUp(watch)
            ? new SQLException(reason, "08006")
            : new Sender.NotSentException(reason));
    List<PendingAppend> threads = finish(batch);
    sending = false;
    if (batch.dispatched) {
      dispatcher = null;
    }
    return threads;
  }

  /**
   * Whether a postponed append is given up: after some time, a store that is being closed no longer
   * waits for locks of other transactions.
   */
  private boolean isGivenUp(PendingAppend append) {
    if (!closed || scheduler.nanoTime() - closedNanos < closingNanos) {
      return false;
    }
    append.failed(closedBefore(append));
    return true;
  }

  /** Chooses another thread to send the next batch, if there is one. The lock is held. */
  private void handOver() {
    PendingAppend first = queue.first();
    if (first != null && first.hasWaiter() && !first.isDelayed()) {
      first.choose();
    } else {
      sending = false;
      wakeDispatcherOrClose();
    }
  }

  private void wakeDispatcherOrClose() {
    if (queue.isEmpty()) {
      idle.signalAll();
    } else {
      wakeDispatcher();
    }
  }

  private void wakeDispatcher() {
    if (dispatcher == null) {
      dispatcher = scheduler.start("eventstore-appender", this::dispatch);
    } else {
      work.signal();
    }
  }

  private void dispatch() {
    lock.lock();
    try {
      while (dispatcher != null
          && dispatcher.isCurrent()
          && (!closed || sending || !queue.isEmpty())) {
        if (sending || queue.isEmpty()) {
          work.awaitUninterruptibly();
        } else {
          dispatchNext();
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void dispatchNext() {
    SentBatch batch = takeLocked(true);
    if (batch == null) {
      awaitWork(queue.nanosUntilDue(scheduler.nanoTime()));
      return;
    }
    sending = true;
    lock.unlock();
    try {
      boolean unused = sendAndSettle(batch, null);
    } finally {
      lock.lock();
    }
  }

  @SuppressWarnings("WaitNotInLoop") // the loop is in dispatch()
  private void awaitWork(long nanos) {
    try {
      long unused = work.awaitNanos(nanos);
    } catch (InterruptedException e) {
      // A stray interrupt must not end this thread, because appends wait for it.
    }
  }

  /**
   * Accepts no more appends, and sends those that it has accepted, for some seconds. Appends that
   * were not sent by then are refused; those without a response have an unknown outcome.
   */
  @Override
  public void close() {
    List<PendingAppend> threads = new ArrayList<>();
    lock.lock();
    try {
      if (!closed) {
        closed = true;
        closedNanos = scheduler.nanoTime();
      }
      room.signalAll();
      awaitIdle(closedNanos + closingNanos);
      threads.addAll(refuse(queue.removeAll()));
      awaitIdle(closedNanos + closingNanos + LAST_ANSWER_NANOS);
      if (underWay != null) {
        threads.addAll(giveUp(underWay, "the store was closed while it waited for the database"));
      }
      idle.signalAll();
      work.signalAll();
    } finally {
      lock.unlock();
    }
    threads.forEach(PendingAppend::release);
    watch.close();
    completions.close(closingNanos);
  }

  private void awaitIdle(long deadlineNanos) {
    boolean interrupted = false;
    while (sending || !queue.isEmpty()) {
      long left = deadlineNanos - scheduler.nanoTime();
      if (left <= 0) {
        break;
      }
      try {
        long unused = idle.awaitNanos(left);
      } catch (InterruptedException e) {
        // Closing is not cut short: the interrupt is restored afterwards.
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private List<PendingAppend> refuse(List<PendingAppend> waited) {
    boolean choice = false;
    for (PendingAppend append : waited) {
      append.failed(closedBefore(append));
      choice |= append.takeChoice();
    }
    if (choice) {
      sending = false; // The thread of this append was chosen to send next.
    }
    return completeFutures(waited);
  }

  private static EventStoreException closedBefore(PendingAppend append) {
    return new EventStoreException(
        append.isDelayed()
            ? "another transaction holds a stream of the %s, and the store is closed: nothing was written"
                .formatted(append)
            : "the store was closed before the %s was sent: nothing was written".formatted(append));
  }
}
