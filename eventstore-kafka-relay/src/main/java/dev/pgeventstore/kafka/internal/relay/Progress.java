package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.Position;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.RelayStatus.State;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * What a lane's thread lets others know: by its status, to those who wait for a position, and to
 * the listener. Safe for many threads.
 *
 * <pre>
 *              begins()            leads()
 *  STANDBY ---------------> STARTING -----> LEADING      HALTED, from all: halted()
 *     ^   <--- standsBy() ---  ^  |            |
 *     |                        |  v            |         STOPPED, from all: stopped()
 *     |                   PAUSED: paused()     |
 *     +--- standsBy() -------- STARTING <------+ retrying()
 * </pre>
 */
public final class Progress {

  private static final int DEEPEST_CAUSE = 5;

  private final Scheduler scheduler;
  private final Lock lock;
  private final Condition changed;
  private final int lane;
  private final Health health;
  private final RelayNews news;

  private State state = State.STARTING;
  private Optional<String> reason = Optional.empty();
  private Optional<String> lastFailure = Optional.empty();
  private Optional<String> handedOver = Optional.empty();
  private @Nullable Throwable failure;
  private Position position = Position.START;
  private String incarnation = "";
  private Position highWaterMark = Position.START;
  private long transactions;
  private long aborts;
  private long fenced;
  private boolean isFenced;
  private long events;
  private long messages;
  private long records;
  private int parkedStreams;
  private Duration lastTransaction = Duration.ZERO;
  private int lastTransactionRecords;
  private List<Blocker> blockers = List.of();

  public Progress(Scheduler scheduler, int lane, Duration unhealthyAfter, RelayNews news) {
    this.scheduler = scheduler;
    this.lock = scheduler.newLock();
    this.changed = lock.newCondition();
    this.lane = lane;
    this.health = new Health(scheduler, lane, unhealthyAfter);
    this.news = news;
  }

  private void locked(Runnable change) {
    lock.lock();
    try {
      change.run();
    } finally {
      lock.unlock();
    }
  }

  /** Another one may lead instead, because this one has failed. */
  void handsOver() {
    locked(() -> handedOver = lastFailure.map("it has handed the lead over after "::concat));
  }

  /** Another one leads. */
  void standsBy() {
    locked(() -> enter(State.STANDBY, handedOver, null));
  }

  /** Has the lease, and takes over. */
  void begins() {
    locked(() -> enter(State.STARTING, lastFailure, failure));
  }

  /** Publishes from now on. */
  void leads() {
    locked(
        () -> {
          isFenced = false;
          enter(State.LEADING, Optional.empty(), null);
          news.led(lane, position);
        });
  }

  /** Tries again, because of this. */
  void retrying(Throwable cause) {
    locked(
        () -> {
          lastFailure = Optional.of(describe(cause));
          enter(State.STARTING, lastFailure, cause);
          news.failed(lane, position, cause);
        });
  }

  void waitingFor(String what) {
    locked(() -> enter(State.STARTING, Optional.of(what), null));
  }

  void halted(Throwable cause) {
    locked(
        () -> {
          enter(State.HALTED, Optional.of(describe(cause)), cause);
          news.halted(lane, position, cause);
        });
  }

  void paused(String why) {
    locked(() -> enter(State.PAUSED, Optional.of(why), null));
  }

  void stopped() {
    locked(() -> enter(State.STOPPED, Optional.empty(), null));
  }

  /** What went wrong, down to its cause: the outermost says little with some of Kafka's. */
  private static String describe(Throwable failure) {
    if (failure instanceof RelayHaltedException halt && halt.getMessage() != null) {
      return halt.getMessage();
    }
    StringBuilder text = new StringBuilder(Causes.text(failure));
    Causes.of(failure).stream()
        .skip(1)
        .limit(DEEPEST_CAUSE)
        .map(Causes::text)
        .filter(cause -> text.indexOf(cause.replaceFirst("^[^ ]*: ", "")) < 0)
        .forEach(cause -> text.append("; because of ").append(cause));
    return text.toString();
  }

  private void enter(State next, Optional<String> why, @Nullable Throwable cause) {
    if (state == State.LEADING && next != State.LEADING) {
      boolean lost = next != State.STOPPED && next != State.HALTED && (cause == null || isFenced);
      news.leadEnded(lane, position, lost);
    }
    health.enters(next, state, lastFailure.isPresent());
    state = next;
    reason = why;
    failure = cause;
    changed.signalAll();
  }

  /** It has come to a position that was read in an incarnation of the server. */
  void reached(Position upTo, Position mark, String inIncarnation) {
    locked(
        () -> {
          incarnation = inIncarnation;
          reached(upTo, mark);
        });
  }

  void reached(Position upTo, Position mark) {
    locked(
        () -> {
          boolean isFurther = upTo.isAfter(position);
          position = upTo;
          settled(mark);
          health.reached(isFurther);
          changed.signalAll();
        });
  }

  /** There is so much to be published. */
  void settled(Position mark) {
    locked(
        () -> {
          highWaterMark = mark;
          health.settled(mark.isAfter(position));
        });
  }

  /** A transaction is committed. */
  void committed(Commit commit, String inIncarnation) {
    Duration took = Duration.ofNanos(scheduler.nanoTime() - commit.begun());
    locked(
        () -> {
          transactions++;
          handedOver = Optional.empty();
          events += commit.events();
          messages += commit.messages();
          records += commit.records();
          parkedStreams +=
              (int)
                  commit.poisoned().stream()
                      .filter(each -> each.decision() == Decision.PARK_STREAM)
                      .count();
          lastTransaction = took;
          lastTransactionRecords = commit.records();
          reached(commit.upTo(), commit.mark(), inIncarnation);
        });
    news.committed(lane, commit, took);
  }

  void aborted() {
    locked(() -> aborts++);
  }

  void fenced() {
    locked(
        () -> {
          fenced++;
          isFenced = true;
        });
  }

  void parked(int streams) {
    locked(() -> parkedStreams = streams);
  }

  void blockedBy(List<Blocker> now) {
    locked(() -> blockers = now);
  }

  public Status status() {
    lock.lock();
    try {
      return new Status(
          state,
          reason,
          position,
          highWaterMark,
          transactions,
          aborts,
          fenced,
          events,
          messages,
          records,
          parkedStreams,
          health.behindFor(),
          lastTransaction,
          lastTransactionRecords,
          blockers,
          health.complaint(
              state, reason, lastFailure, highWaterMark.value() - position.value(), blockers),
          List.of(new Status.OfLane(lane, state, reason, position)));
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until it has come to a position, in another incarnation of the server than one.
   *
   * @param remaining how long to wait
   * @param timeout that the caller gave for all that it waits for, for the message
   * @return the incarnation in which it stands there
   */
  public String await(Position wanted, String over, Duration remaining, Duration timeout)
      throws TimeoutException, InterruptedException {
    lock.lock();
    try {
      long left = Durations.nanos(remaining);
      while (wanted.isAfter(position) || (!over.isEmpty() && over.equals(incarnation))) {
        if (state == State.HALTED || state == State.STOPPED) {
          throw new IllegalStateException(
              "position %s will not be published, the relay is %s at position %s: %s"
                  .formatted(wanted, state, position, reason.orElse("it was closed")),
              failure);
        }
        if (left <= 0) {
          throw new TimeoutException(
              "position %s is not published after %s: %s".formatted(wanted, timeout, status()));
        }
        left = changed.awaitNanos(left);
      }
      return incarnation;
    } finally {
      lock.unlock();
    }
  }
}
