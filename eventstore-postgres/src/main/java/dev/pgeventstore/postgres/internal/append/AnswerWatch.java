package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Notices when a batch gets no response in time. Its thread sleeps until the timeout of the batch
 * that it saw last, so an exchange costs two writes of a field and wakes no thread.
 */
final class AnswerWatch implements AutoCloseable {

  private final Scheduler scheduler;
  private final Lock lock;
  private final Duration limit;
  private final long limitNanos;
  private final Consumer<Exchange> late;
  private final AtomicReference<@Nullable Watched> watched = new AtomicReference<>();
  private final AtomicBoolean started = new AtomicBoolean();
  private volatile boolean asleep = true;
  private volatile boolean closed;
  private volatile @Nullable Thread thread;

  /**
   * Creates a watch, which has no thread yet.
   *
   * @param limit how long a response may take
   * @param late receives each exchange that took longer, once
   */
  AnswerWatch(Scheduler scheduler, Duration limit, Consumer<Exchange> late) {
    this.scheduler = scheduler;
    this.lock = scheduler.newLock();
    this.limit = limit;
    this.limitNanos = Durations.nanos(limit);
    this.late = late;
  }

  Duration limit() {
    return limit;
  }

  /** The lock for exchanges. One lock is enough, since there is one exchange at a time. */
  Lock lock() {
    return lock;
  }

  /** Starts the thread that closes a connection without a response. */
  void startAborting(Runnable work) {
    scheduler.start("eventstore-abort", work);
  }

  void began(Exchange exchange) {
    watched.set(new Watched(exchange, scheduler.nanoTime() + limitNanos));
    if (asleep) {
      wake();
    }
  }

  /**
   * Stops watching an exchange. If the exchange was given up, another one may be watched by now.
   */
  void ended(Exchange exchange) {
    Watched last = watched.get();
    if (last != null && last.exchange == exchange) {
      watched.compareAndSet(last, null);
    }
  }

  private void wake() {
    if (!closed && started.compareAndSet(false, true)) {
      scheduler.start("eventstore-append-watch", this::watch);
    } else {
      // The thread may not exist yet if it was just started. It checks for work before it sleeps.
      scheduler.unpark(thread);
    }
  }

  private void watch() {
    thread = Thread.currentThread();
    while (!closed) {
      Watched next = watched.get();
      if (next == null) {
        sleep();
      } else if (next.deadlineNanos - scheduler.nanoTime() > 0) {
        scheduler.park(this, next.deadlineNanos - scheduler.nanoTime());
      } else if (watched.compareAndSet(next, null)) {
        late.accept(next.exchange);
      }
    }
  }

  private void sleep() {
    asleep = true;
    // Checked again after the flag was set: otherwise a batch that began in between would be
    // missed.
    if (watched.get() == null && !closed) {
      scheduler.park(this);
    }
    asleep = false;
  }

  @Override
  public void close() {
    closed = true;
    scheduler.unpark(thread);
  }

  private record Watched(Exchange exchange, long deadlineNanos) {}
}
