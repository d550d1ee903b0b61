package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.AppendFunction;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Answer;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Outcome;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Appends that come at the same time go together: while one batch is being committed the next one
 * collects, without any delay added. Each has an answer of its own; one commit serves all of them.
 *
 * <p>There is one batch at a time. Whoever finds nobody sending sends himself, in his own thread,
 * and then wakes the first of those who came meanwhile to send the next (the leader and its
 * followers of group commit, as in PostgreSQL's own). So one caller alone waits for no other
 * thread. A thread of this class's own sends what nobody waits for, and tries again what met a
 * locked row.
 */
final class GroupAppender implements AutoCloseable {

  /** The longest that a batch waits for those who are likely to come. */
  private static final long GATHERING_NANOS = TimeUnit.MICROSECONDS.toNanos(50);

  /** How long closing waits for rows that others hold. */
  private static final long CLOSING_NANOS = TimeUnit.SECONDS.toNanos(10);

  private static final Logger LOG = LoggerFactory.getLogger(GroupAppender.class);

  private final Sender sender;
  private final AppendFunction function;
  private final Runnable committed;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition room = lock.newCondition();
  private final Condition work = lock.newCondition();
  private final Condition idle = lock.newCondition();
  private final AppendQueue queue = new AppendQueue();
  private boolean sending;
  private boolean closed;
  private long closedNanos;
  private @Nullable Thread dispatcher;

  /** Only hints, so they may be read without the lock. */
  private volatile int waiting;

  private volatile int lastSize;

  /** Only completes futures, so what depends on them delays no append. */
  private final ExecutorService completions =
      Executors.newSingleThreadExecutor(work -> completer = daemon(work, "eventstore-completions"));

  private volatile @Nullable Thread completer;

  GroupAppender(Sender sender, AppendFunction function, Runnable committed) {
    this.sender = sender;
    this.function = function;
    this.committed = committed;
  }

  private static Thread daemon(Runnable work, String name) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    return thread;
  }

  /** Appends, and waits for the answer. */
  AppendResult append(Append append, AppendRequest request) {
    PendingAppend own = PendingAppend.ofThisThread(append, request);
    boolean leads = enqueue(own);
    while (true) {
      if (leads) {
        lead(own);
      }
      if (own.isDone()) {
        return own.result();
      }
      LockSupport.park(this);
      if (Thread.interrupted() && !own.isDone()) {
        throw interrupted(own);
      }
      leads = takeChoice(own);
    }
  }

  /** Appends without waiting for the answer. */
  CompletableFuture<AppendResult> appendAsync(Append append, AppendRequest request) {
    PendingAppend pending = PendingAppend.withFuture(append, request);
    enqueue(pending);
    return pending.future();
  }

  /** True if the caller is to send. */
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

  private boolean takeChoice(PendingAppend own) {
    if (!own.isChosen()) {
      return false;
    }
    own.takeChoice();
    return true;
  }

  private RuntimeException interrupted(PendingAppend own) {
    Thread.currentThread().interrupt();
    lock.lock();
    try {
      boolean unsent = queue.remove(own);
      own.abandon();
      if (!sending && queue.isEmpty()) {
        idle.signalAll();
      }
      if (takeChoice(own)) {
        handOver();
      }
      return unsent
          ? notSent(own)
          : new OutcomeUnknownException(
              "interrupted while waiting for the answer to the %s: it may be committed or not. Retry with the same event ids."
                  .formatted(own),
              new InterruptedException());
    } finally {
      lock.unlock();
    }
  }

  /**
   * Sends batches until the own append has its answer, or cannot be sent now; then others are to
   * send.
   */
  private void lead(PendingAppend own) {
    // An interrupt is the caller's affair, not that of the others in the batch.
    boolean interrupted = Thread.interrupted();
    boolean again = true;
    while (again) {
      List<PendingAppend> batch = take();
      again = !batch.isEmpty() && sendAndSettle(batch, own);
      interrupted |= Thread.interrupted();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Lets those come who have just got their answers and are likely to append again. Otherwise a
   * batch of one, that of the fastest of them, and a batch of all the others would take turns, each
   * with a commit of its own (docs/adr/0006).
   */
  @SuppressWarnings("ThreadPriorityCheck") // the others need the processor, and it is bounded
  private void gather() {
    if (lastSize > 1) {
      long started = System.nanoTime();
      while (waiting < lastSize && System.nanoTime() - started < GATHERING_NANOS) {
        Thread.yield();
      }
    }
  }

  private List<PendingAppend> take() {
    gather();
    lock.lock();
    try {
      List<PendingAppend> batch = takeLocked();
      if (batch.isEmpty()) {
        // All that is left is put off, which is the dispatcher's affair.
        sending = false;
        wakeDispatcherOrClose();
      }
      return batch;
    } finally {
      lock.unlock();
    }
  }

  private List<PendingAppend> takeLocked() {
    List<PendingAppend> batch = queue.take(System.nanoTime());
    lastSize = batch.size();
    waiting = queue.size();
    room.signalAll();
    return batch;
  }

  private boolean sendAndSettle(List<PendingAppend> batch, @Nullable PendingAppend own) {
    send(batch);
    return settle(batch, own);
  }

  private void send(List<PendingAppend> batch) {
    List<AppendRequest> requests = new ArrayList<>(batch.size());
    for (PendingAppend append : batch) {
      requests.add(append.request());
    }
    try {
      List<Answer> answers = sender.send(c -> function.callImpatiently(c, requests));
      boolean written = false;
      for (int i = 0; i < answers.size(); i++) {
        batch.get(i).answered(answers.get(i));
        written |= answers.get(i).outcome() == Outcome.WRITTEN;
      }
      if (written) {
        committed.run();
      }
    } catch (SQLException e) {
      failed(batch, e);
    } catch (RuntimeException | Error e) {
      batch.forEach(append -> append.failed(e));
    }
  }

  private void failed(List<PendingAppend> batch, SQLException e) {
    if (e instanceof Sender.NotSentException || SqlErrors.isConnectionLost(e)) {
      batch.forEach(append -> append.failed(e));
    } else if (batch.size() > 1) {
      sendOneByOne(batch);
    } else if (!SqlErrors.isLockNotAvailable(e)) {
      batch.get(0).failed(e);
    }
  }

  /** All of the batch was undone because of one of them, which will fail alone. */
  private void sendOneByOne(List<PendingAppend> batch) {
    Set<StreamId> held = new HashSet<>();
    for (PendingAppend append : batch) {
      List<StreamId> streams = append.request().streams();
      if (Collections.disjoint(held, streams)) {
        send(List.of(append));
      }
      if (append.isBusy()) {
        // What comes later must not overtake it.
        held.addAll(streams);
      }
    }
  }

  /** Gives the answers out. True if the same thread is to send the next batch too. */
  private boolean settle(List<PendingAppend> batch, @Nullable PendingAppend own) {
    List<PendingAppend> threads = new ArrayList<>(batch.size());
    List<PendingAppend> futures = new ArrayList<>();
    List<PendingAppend> busy = new ArrayList<>();
    boolean again;
    lock.lock();
    try {
      for (PendingAppend append : batch) {
        if (append.isBusy() && !isGivenUp(append)) {
          busy.add(append);
        } else {
          (append.hasWaiter() ? threads : futures).add(append);
        }
      }
      queue.putOff(busy, System.nanoTime());
      if (!futures.isEmpty()) {
        // Before the store can be found idle, and closed.
        completions.execute(() -> futures.forEach(PendingAppend::complete));
      }
      again = own != null && !threads.contains(own) && !own.isDelayed();
      if (!again) {
        handOver();
      }
    } finally {
      lock.unlock();
    }
    threads.forEach(PendingAppend::release);
    return again;
  }

  /** After a while a store that is being closed does not wait for strangers any more. */
  private boolean isGivenUp(PendingAppend append) {
    if (!closed || System.nanoTime() - closedNanos < CLOSING_NANOS) {
      return false;
    }
    append.failed(
        new EventStoreException(
            "another transaction holds a stream of the %s, and the store is closed: nothing was written"
                .formatted(append)));
    return true;
  }

  /** Somebody else sends the next batch, if there is one. The lock is held. */
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
      dispatcher = daemon(this::dispatch, "eventstore-appender");
      dispatcher.start();
    } else {
      work.signal();
    }
  }

  private void dispatch() {
    lock.lock();
    try {
      while (!closed || sending || !queue.isEmpty()) {
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
    List<PendingAppend> batch = takeLocked();
    if (batch.isEmpty()) {
      awaitWork(queue.nanosUntilDue(System.nanoTime()));
      return;
    }
    sending = true;
    lock.unlock();
    try {
      sendAndSettle(batch, null);
    } finally {
      lock.lock();
    }
  }

  @SuppressWarnings("WaitNotInLoop") // it is, in dispatch()
  private void awaitWork(long nanos) {
    try {
      long unused = work.awaitNanos(nanos);
    } catch (InterruptedException e) {
      // Nobody has reason to interrupt this thread, and whoever waits for it must not wait in vain.
    }
  }

  /** Takes no more appends, and sends what it has taken. */
  @Override
  public void close() {
    lock.lock();
    try {
      if (!closed) {
        closed = true;
        closedNanos = System.nanoTime();
      }
      room.signalAll();
      while (sending || !queue.isEmpty()) {
        idle.awaitUninterruptibly();
      }
      work.signalAll();
    } finally {
      lock.unlock();
    }
    completions.shutdown();
    awaitCompletions();
  }

  private void awaitCompletions() {
    if (Thread.currentThread() == completer) {
      return;
    }
    try {
      if (!completions.awaitTermination(CLOSING_NANOS, TimeUnit.NANOSECONDS)) {
        LOG.warn("What depends on an append is still running, and the store is closed");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
