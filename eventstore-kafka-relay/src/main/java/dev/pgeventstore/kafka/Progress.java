package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.RelayStatus.State;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** What the relay's thread tells everybody else. Safe for many threads. */
final class Progress {

  private RelayStatus status =
      new RelayStatus(State.STARTING, Optional.empty(), Position.START, Position.START, 0, 0, 0, 0);
  private @Nullable Throwable failure;

  synchronized RelayStatus status() {
    return status;
  }

  synchronized void enter(State state) {
    change(state, Optional.empty(), null);
  }

  /** Tries again, because of this. */
  synchronized void retrying(Throwable cause) {
    change(State.STARTING, Optional.of(describe(cause)), cause);
  }

  synchronized void halted(Throwable cause) {
    change(State.HALTED, Optional.of(describe(cause)), cause);
  }

  private static String describe(Throwable cause) {
    String message = cause.getMessage();
    return cause instanceof RelayHaltedException && message != null ? message : cause.toString();
  }

  private void change(State state, Optional<String> reason, @Nullable Throwable cause) {
    failure = cause;
    set(state, reason, status.position(), status.highWaterMark(), 0, 0, 0, 0);
    notifyAll();
  }

  synchronized void reached(Position position, Position highWaterMark) {
    set(status.state(), status.reason(), position, highWaterMark, 0, 0, 0, 0);
    notifyAll();
  }

  synchronized void committed(int events) {
    set(
        status.state(),
        status.reason(),
        status.position(),
        status.highWaterMark(),
        1,
        0,
        0,
        events);
  }

  synchronized void aborted() {
    set(status.state(), status.reason(), status.position(), status.highWaterMark(), 0, 1, 0, 0);
  }

  synchronized void fenced() {
    set(status.state(), status.reason(), status.position(), status.highWaterMark(), 0, 0, 1, 0);
  }

  private void set(
      State state,
      Optional<String> reason,
      Position position,
      Position highWaterMark,
      int moreTransactions,
      int moreAborts,
      int moreFenced,
      int moreEvents) {
    status =
        new RelayStatus(
            state,
            reason,
            position,
            highWaterMark,
            status.transactions() + moreTransactions,
            status.aborts() + moreAborts,
            status.fenced() + moreFenced,
            status.eventsSent() + moreEvents);
  }

  synchronized void await(Position position, Duration timeout)
      throws TimeoutException, InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    while (position.isAfter(status.position())) {
      if (status.state() == State.HALTED || status.state() == State.STOPPED) {
        throw new IllegalStateException(
            "position %s will not be published, the relay is %s at position %s: %s"
                .formatted(
                    position,
                    status.state(),
                    status.position(),
                    status.reason().orElse("it was closed")),
            failure);
      }
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw new TimeoutException(
            "position %s is not published after %s: %s".formatted(position, timeout, status));
      }
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
  }
}
