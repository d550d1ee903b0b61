package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.Position;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.RelayStatus;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.kafka.internal.RelayHaltedException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/** What a lane's thread tells everybody else. Safe for many threads. */
public final class Progress {

  private static final int DEEPEST_CAUSE = 5;

  private final Scheduler scheduler;
  private final Lock lock;
  private final Condition changed;
  private final int lane;
  private final Duration unhealthyAfter;

  private State state = State.STARTING;
  private Optional<String> reason = Optional.empty();
  private Optional<String> lastFailure = Optional.empty();
  private Optional<String> handedOver = Optional.empty();
  private @Nullable Throwable failure;
  private Position position = Position.START;
  private String life = "";
  private Position highWaterMark = Position.START;
  private long transactions;
  private long aborts;
  private long fenced;
  private long events;
  private long messages;
  private long records;
  private int parkedStreams;
  private Duration lastTransaction = Duration.ZERO;
  private int lastTransactionRecords;
  private List<Blocker> blockers = List.of();
  private long lastMoved;
  private long failingSince;
  private boolean failing = true;
  private long standbySince;
  private long behindSince;
  private boolean behind;

  public Progress(Scheduler scheduler, int lane, Duration unhealthyAfter) {
    this.scheduler = scheduler;
    this.lock = scheduler.newLock();
    this.changed = lock.newCondition();
    this.lastMoved = scheduler.nanoTime();
    this.failingSince = lastMoved;
    this.lane = lane;
    this.unhealthyAfter = unhealthyAfter;
  }

  void enter(State next) {
    locked(() -> change(next, Optional.empty(), null));
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
    locked(() -> change(State.STANDBY, handedOver, null));
  }

  /** Has the lease, and takes over. */
  public void begins() {
    locked(() -> change(State.STARTING, lastFailure, failure));
  }

  /** Tries again, because of this. */
  void retrying(Throwable cause) {
    locked(
        () -> {
          lastFailure = Optional.of(describe(cause));
          change(State.STARTING, Optional.of(describe(cause)), cause);
        });
  }

  void waitingFor(String what) {
    locked(() -> change(State.STARTING, Optional.of(what), null));
  }

  public void halted(Throwable cause) {
    locked(() -> change(State.HALTED, Optional.of(describe(cause)), cause));
  }

  public void paused(String why) {
    locked(() -> change(State.PAUSED, Optional.of(why), null));
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

  private void change(State next, Optional<String> why, @Nullable Throwable cause) {
    if (next == State.STANDBY && state != State.STANDBY) {
      standbySince = scheduler.nanoTime();
    }
    boolean nowFailing =
        next == State.STARTING || (next == State.STANDBY && failing && lastFailure.isPresent());
    if (nowFailing && !failing) {
      failingSince = scheduler.nanoTime();
    }
    failing = nowFailing;
    state = next;
    reason = why;
    failure = cause;
    changed.signalAll();
  }

  /** It has come to a position that was read in a life of the server. */
  public void reached(Position upTo, Position mark, String inLife) {
    locked(
        () -> {
          life = inLife;
          reached(upTo, mark);
        });
  }

  public void reached(Position upTo, Position mark) {
    locked(
        () -> {
          // Standing where one stood is no move, however often one takes over there.
          boolean moved = upTo.isAfter(position);
          position = upTo;
          settled(mark);
          if (moved || !behind) {
            lastMoved = scheduler.nanoTime();
            failing = false;
          }
          changed.signalAll();
        });
  }

  /** There is so much to be published. */
  void settled(Position mark) {
    locked(
        () -> {
          highWaterMark = mark;
          boolean wasBehind = behind;
          behind = mark.isAfter(position);
          if (behind && !wasBehind) {
            behindSince = scheduler.nanoTime();
          }
        });
  }

  public void committed(int moreEvents, int moreMessages, int moreRecords, Duration took) {
    locked(
        () -> {
          transactions++;
          handedOver = Optional.empty();
          events += moreEvents;
          messages += moreMessages;
          records += moreRecords;
          lastTransaction = took;
          lastTransactionRecords = moreRecords;
        });
  }

  void aborted() {
    locked(() -> aborts++);
  }

  public void fenced() {
    locked(() -> fenced++);
  }

  public void parked(int streams) {
    locked(() -> parkedStreams = streams);
  }

  void alsoParked(int streams) {
    locked(() -> parkedStreams += streams);
  }

  void blockedBy(List<Blocker> now) {
    locked(() -> blockers = now);
  }

  public RelayStatus status() {
    lock.lock();
    try {
      return new RelayStatus(
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
          behindFor(),
          lastTransaction,
          lastTransactionRecords,
          blockers,
          complaint(),
          List.of(new RelayStatus.Lane(lane, state, reason, position)));
    } finally {
      lock.unlock();
    }
  }

  private Duration behindFor() {
    return behind ? since(behindSince) : Duration.ZERO;
  }

  private Duration since(long nanos) {
    return Duration.ofNanos(Math.max(0, scheduler.nanoTime() - nanos));
  }

  private Optional<String> complaint() {
    if (state == State.STOPPED) {
      return Optional.empty();
    }
    if (state == State.HALTED) {
      return Optional.of("lane %d has halted: %s".formatted(lane, reason.orElse("")));
    }
    // Two that fail in turns stand by in between, but never for long.
    boolean standsBy = state == State.STANDBY && isLong(since(standbySince));
    if (failing && !standsBy && isLong(since(failingSince))) {
      return Optional.of(
          "lane %d has not begun to publish for %s: %s"
              .formatted(lane, since(failingSince), lastFailure.orElse("it waits for Kafka")));
    }
    if (state == State.STANDBY) {
      return Optional.empty();
    }
    Duration still = since(Math.max(lastMoved, behindSince));
    if (behind && isLong(still)) {
      return Optional.of(
          "lane %d has not moved for %s and is %d positions behind%s"
              .formatted(
                  lane,
                  still,
                  highWaterMark.value() - position.value(),
                  reason.or(() -> lastFailure).map(": "::concat).orElse("")));
    }
    return blockers.stream()
        .filter(blocker -> isLong(blocker.age()))
        .findFirst()
        .map(
            blocker ->
                "the high-water mark has been held back for %s by %s, application '%s'"
                    .formatted(
                        blocker.age(),
                        blocker
                            .pid()
                            .map(pid -> "process " + pid)
                            .orElse("prepared transaction " + blocker.prepared().orElse("?")),
                        blocker.application()));
  }

  private boolean isLong(Duration time) {
    return time.compareTo(unhealthyAfter) > 0;
  }

  /**
   * Waits until it has come to a position, in another life of the server than one.
   *
   * @param remaining how long to wait
   * @param timeout that the caller gave for all that it waits for, for the message
   * @return the life in which it stands there
   */
  public String await(Position wanted, String over, Duration remaining, Duration timeout)
      throws TimeoutException, InterruptedException {
    lock.lock();
    try {
      long left = Durations.nanos(remaining);
      while (wanted.isAfter(position) || (!over.isEmpty() && over.equals(life))) {
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
      return life;
    } finally {
      lock.unlock();
    }
  }
}
