package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.feed.Blocker;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.kafka.RelayStatus.State;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** What a lane's thread tells everybody else. Safe for many threads. */
final class Progress {

  private static final int DEEPEST_CAUSE = 5;

  private final int lane;
  private final Duration unhealthyAfter;

  private State state = State.STARTING;
  private Optional<String> reason = Optional.empty();
  private Optional<String> lastFailure = Optional.empty();
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
  private long lastMoved = System.nanoTime();
  private long failingSince = lastMoved;
  private boolean failing = true;
  private long standbySince;
  private long behindSince;
  private boolean behind;

  Progress(int lane, Duration unhealthyAfter) {
    this.lane = lane;
    this.unhealthyAfter = unhealthyAfter;
  }

  synchronized void enter(State next) {
    change(next, Optional.empty(), null);
  }

  /** Has the lease, and takes over. */
  synchronized void begins() {
    change(State.STARTING, lastFailure, failure);
  }

  /** Tries again, because of this. */
  synchronized void retrying(Throwable cause) {
    lastFailure = Optional.of(describe(cause));
    change(State.STARTING, Optional.of(describe(cause)), cause);
  }

  synchronized void waitingFor(String what) {
    change(State.STARTING, Optional.of(what), null);
  }

  synchronized void halted(Throwable cause) {
    change(State.HALTED, Optional.of(describe(cause)), cause);
  }

  synchronized void paused(String why) {
    change(State.PAUSED, Optional.of(why), null);
  }

  /** What went wrong, down to its cause: the outermost says little with some of Kafka's. */
  private static String describe(Throwable failure) {
    String message = failure.getMessage();
    if (failure instanceof RelayHaltedException && message != null) {
      return message;
    }
    StringBuilder text = new StringBuilder(failure.toString());
    Throwable cause = failure.getCause();
    for (int depth = 0; cause != null && depth < DEEPEST_CAUSE; depth++) {
      if (cause.getMessage() == null || text.indexOf(cause.getMessage()) < 0) {
        text.append("; because of ").append(cause);
      }
      cause = cause.getCause();
    }
    return text.toString();
  }

  private void change(State next, Optional<String> why, @Nullable Throwable cause) {
    if (next == State.STANDBY && state != State.STANDBY) {
      standbySince = System.nanoTime();
    }
    boolean nowFailing =
        next == State.STARTING || (next == State.STANDBY && failing && lastFailure.isPresent());
    if (nowFailing && !failing) {
      failingSince = System.nanoTime();
    }
    failing = nowFailing;
    state = next;
    reason = why;
    failure = cause;
    notifyAll();
  }

  /** It has come to a position that was read in a life of the server. */
  synchronized void reached(Position upTo, Position mark, String inLife) {
    life = inLife;
    reached(upTo, mark);
  }

  synchronized void reached(Position upTo, Position mark) {
    // Standing where one stood is no move, however often one takes over there.
    boolean moved = upTo.isAfter(position);
    position = upTo;
    settled(mark);
    if (moved || !behind) {
      lastMoved = System.nanoTime();
      failing = false;
    }
    notifyAll();
  }

  /** There is so much to be published. */
  synchronized void settled(Position mark) {
    highWaterMark = mark;
    boolean wasBehind = behind;
    behind = mark.isAfter(position);
    if (behind && !wasBehind) {
      behindSince = System.nanoTime();
    }
  }

  synchronized void committed(int moreEvents, int moreMessages, int moreRecords, Duration took) {
    transactions++;
    events += moreEvents;
    messages += moreMessages;
    records += moreRecords;
    lastTransaction = took;
    lastTransactionRecords = moreRecords;
  }

  synchronized void aborted() {
    aborts++;
  }

  synchronized void fenced() {
    fenced++;
  }

  synchronized void parked(int streams) {
    parkedStreams = streams;
  }

  synchronized void alsoParked(int streams) {
    parkedStreams += streams;
  }

  synchronized void blockedBy(List<Blocker> now) {
    blockers = now;
  }

  synchronized RelayStatus status() {
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
  }

  private Duration behindFor() {
    return behind ? since(behindSince) : Duration.ZERO;
  }

  private static Duration since(long nanos) {
    return Duration.ofNanos(Math.max(0, System.nanoTime() - nanos));
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
   * @return the life in which it stands there
   */
  synchronized String await(Position wanted, String over, Duration timeout)
      throws TimeoutException, InterruptedException {
    long deadline = System.nanoTime() + Durations.nanos(timeout);
    while (wanted.isAfter(position) || (!over.isEmpty() && over.equals(life))) {
      if (state == State.HALTED || state == State.STOPPED) {
        throw new IllegalStateException(
            "position %s will not be published, the relay is %s at position %s: %s"
                .formatted(wanted, state, position, reason.orElse("it was closed")),
            failure);
      }
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw new TimeoutException(
            "position %s is not published after %s: %s".formatted(wanted, timeout, status()));
      }
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
    return life;
  }
}
