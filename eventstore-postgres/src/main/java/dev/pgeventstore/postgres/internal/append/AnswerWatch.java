package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.internal.Durations;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Notices when a batch gets no answer in time. Its thread sleeps until the batch that it saw last
 * would be late, so that an exchange costs two writes of a field and wakes nothing.
 */
final class AnswerWatch implements AutoCloseable {

  private final Duration limit;
  private final long limitNanos;
  private final Consumer<Exchange> late;
  private final AtomicReference<@Nullable Watched> watched = new AtomicReference<>();
  private volatile boolean asleep = true;
  private volatile boolean closed;
  private @Nullable Thread thread;

  /**
   * A watch that has no thread yet.
   *
   * @param limit how long an answer may take
   * @param late is given an exchange that took longer, once
   */
  AnswerWatch(Duration limit, Consumer<Exchange> late) {
    this.limit = limit;
    this.limitNanos = Durations.nanos(limit);
    this.late = late;
  }

  Duration limit() {
    return limit;
  }

  void began(Exchange exchange) {
    watched.set(new Watched(exchange, System.nanoTime() + limitNanos));
    if (asleep) {
      wake();
    }
  }

  /** Those that were given up end late: by then another one may be watched. */
  void ended(Exchange exchange) {
    Watched last = watched.get();
    if (last != null && last.exchange == exchange) {
      watched.compareAndSet(last, null);
    }
  }

  private synchronized void wake() {
    if (thread == null && !closed) {
      thread = Threads.daemon(this::watch, "eventstore-append-watch");
      thread.start();
    }
    LockSupport.unpark(thread);
  }

  private void watch() {
    while (!closed) {
      Watched next = watched.get();
      if (next == null) {
        sleep();
      } else if (next.deadlineNanos - System.nanoTime() > 0) {
        LockSupport.parkNanos(this, next.deadlineNanos - System.nanoTime());
      } else if (watched.compareAndSet(next, null)) {
        late.accept(next.exchange);
      }
    }
  }

  private void sleep() {
    asleep = true;
    // Looked at again, or a batch that began meanwhile would not be seen.
    if (watched.get() == null && !closed) {
      LockSupport.park(this);
    }
    asleep = false;
  }

  @Override
  public void close() {
    closed = true;
    wake();
  }

  private record Watched(Exchange exchange, long deadlineNanos) {}
}
