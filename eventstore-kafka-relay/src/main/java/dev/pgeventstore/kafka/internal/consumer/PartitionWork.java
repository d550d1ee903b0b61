package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionState;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.kafka.consumer.MarkHeldException;
import dev.pgeventstore.kafka.internal.consumer.Handling.FailedLetter;
import dev.pgeventstore.kafka.internal.consumer.PartitionCourse.Mode;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The records of one partition that wait to be handled, while the partition is this consumer's. One
 * thread at a time handles them, for one transaction; then it is another partition's turn. Safe for
 * many threads. How it goes on after a try is up to the {@link PartitionCourse}, which has the
 * states and their diagram; this class is long because each of its steps takes the lock for itself.
 */
public final class PartitionWork implements Runnable {

  private static final Logger LOG = LoggerFactory.getLogger(PartitionWork.class);

  private static final Duration AFTER_NO_THREAD = Duration.ofSeconds(1);

  private final String group;
  private final Handling handling;
  private final PartitionCourse course;
  private final BlameRules blames;
  private final int mostTogether;
  private final Executor threads;
  private final Runnable hasRoom;

  private final Scheduler scheduler;
  private final Lock lock;
  private final Condition ended;

  private final Deque<ConsumerRecord<byte[], byte[]>> waiting = new ArrayDeque<>();
  private OptionalLong reached = OptionalLong.empty();
  private boolean asked;
  private boolean working;
  private volatile boolean abandoned;
  private long goesOnAt;
  private long standsSince;
  private @Nullable Throwable failure;
  private @Nullable String failureText;
  private boolean held;
  private Optional<Blocker> holder = Optional.empty();
  private String lastLogged = "";

  /**
   * @param mostTogether how many records make a transaction at most; so many wait at least before
   *     no more are read
   * @param hasRoom called when fewer wait again
   */
  public PartitionWork(
      Scheduler scheduler,
      String group,
      Handling handling,
      PartitionCourse course,
      BlameRules blames,
      int mostTogether,
      Executor threads,
      Runnable hasRoom) {
    this.scheduler = scheduler;
    this.lock = scheduler.newLock();
    this.ended = lock.newCondition();
    this.goesOnAt = scheduler.nanoTime();
    this.group = group;
    this.handling = handling;
    this.course = course;
    this.blames = blames;
    this.mostTogether = mostTogether;
    this.threads = threads;
    this.hasRoom = hasRoom;
  }

  public void add(List<ConsumerRecord<byte[], byte[]>> records) {
    lock.lock();
    try {
      if (waiting.isEmpty()) {
        standsSince = scheduler.nanoTime();
      }
      waiting.addAll(records);
    } finally {
      lock.unlock();
    }
  }

  /** Whether so many wait that no more should be read. */
  public boolean isFull() {
    lock.lock();
    try {
      return waiting.size() >= mostTogether;
    } finally {
      lock.unlock();
    }
  }

  /** Asks for a thread, if there is something to try now. */
  void goOn() {
    lock.lock();
    try {
      if (asked
          || abandoned
          || waiting.isEmpty()
          || course.mode() == Mode.STOPPED
          || scheduler.nanoTime() - goesOnAt < 0) {
        return;
      }
      asked = true;
    } finally {
      lock.unlock();
    }
    try {
      threads.execute(this);
    } catch (RuntimeException | Error e) {
      // No thread can be started, or this consumer is being closed.
      LOG.debug("consumer {} has no thread for a partition", group, e);
      lock.lock();
      try {
        asked = false;
        goesOnAt = scheduler.nanoTime() + Durations.nanos(AFTER_NO_THREAD);
      } finally {
        lock.unlock();
      }
    }
  }

  @Override
  public void run() {
    EngineThread.run(this::tryOnce);
    goOn();
  }

  private void tryOnce() {
    List<ConsumerRecord<byte[], byte[]>> tried;
    int attempt;
    boolean setsAside;
    lock.lock();
    try {
      if (abandoned) {
        asked = false;
        return;
      }
      tried = waiting.stream().limit(course.next(Math.min(waiting.size(), mostTogether))).toList();
      attempt = course.attempts() + 1;
      setsAside = course.mode() == Mode.SET_ASIDE;
      working = true;
    } finally {
      lock.unlock();
    }
    try {
      if (setsAside) {
        setAside(tried);
      } else {
        handle(tried, attempt);
      }
    } catch (RuntimeException | Error e) {
      // Not the handler's, whose failures are told otherwise. It must not be the end of all.
      failed(Causes.isOfVirtualMachine(e) ? Blame.MACHINE : Blame.ENVIRONMENT, e, tried);
    } finally {
      Thread.interrupted();
      lock.lock();
      try {
        working = false;
        asked = false;
        ended.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  private void handle(List<ConsumerRecord<byte[], byte[]>> tried, int attempt) {
    try {
      handling.handle(tried, attempt, () -> abandoned);
      done(tried);
    } catch (TryFailedException e) {
      // The database may be asked for it: not with the lock.
      failed(blames.of(e, tried.get(0).offset()), e.failure(), tried);
    }
  }

  private void setAside(List<ConsumerRecord<byte[], byte[]>> tried) {
    Throwable why;
    int attempts;
    boolean isSent;
    lock.lock();
    try {
      why = failure == null ? new IllegalStateException("no failure is known") : failure;
      attempts = course.attempts();
      isSent = course.isLetterSent();
    } finally {
      lock.unlock();
    }
    FailedLetter failed = handling.setAside(tried.get(0), why, attempts, isSent);
    if (failed == null) {
      done(tried);
      return;
    }
    lock.lock();
    try {
      if (failed.isSent()) {
        course.letterSent();
      }
    } finally {
      lock.unlock();
    }
    failed(failed.blame(), failed.failure(), tried);
  }

  private void done(List<ConsumerRecord<byte[], byte[]>> tried) {
    boolean wasFull;
    lock.lock();
    try {
      wasFull = isFull();
      course.done(tried.size());
      for (int i = 0; i < tried.size(); i++) {
        waiting.remove();
      }
      reached = OptionalLong.of(tried.get(tried.size() - 1).offset() + 1);
      standsSince = scheduler.nanoTime();
      failure = null;
      failureText = null;
      lastLogged = "";
    } finally {
      lock.unlock();
    }
    if (wasFull) {
      hasRoom.run();
    }
  }

  private void failed(Blame blame, Throwable cause, List<ConsumerRecord<byte[], byte[]>> tried) {
    String at = Handling.at(tried.get(0));
    String text = Causes.text(cause);
    Mode next;
    Duration pause;
    boolean isNews;
    lock.lock();
    try {
      boolean setsAside = course.mode() == Mode.SET_ASIDE;
      pause = course.failed(blame, tried.size());
      next = course.mode();
      goesOnAt = scheduler.nanoTime() + Durations.nanos(pause);
      if (!setsAside) {
        failure = cause;
      }
      failureText = at + ": " + text;
      held = blame == Blame.MARK_HELD;
      holder = cause instanceof MarkHeldException e ? e.holder() : Optional.empty();
      // How long the holder has it already is no news.
      String news = held ? "held by " + holder.flatMap(Blocker::pid) : text;
      isNews = !news.equals(lastLogged);
      lastLogged = news;
    } finally {
      lock.unlock();
    }
    if (next == Mode.STOPPED) {
      LOG.error("consumer {} stops at {}: {}", group, at, text, Causes.loggable(cause));
    } else if (isNews && !pause.isZero()) {
      LOG.warn("consumer {} will try {} again: {}", group, at, text);
      LOG.debug("why", Causes.loggable(cause));
    }
  }

  /** A partition that has stopped tries again. */
  public void resume() {
    lock.lock();
    try {
      if (course.mode() != Mode.STOPPED) {
        return;
      }
      course.resume();
      goesOnAt = scheduler.nanoTime();
      failureText = null;
    } finally {
      lock.unlock();
    }
    goOn();
  }

  /** The partition is not this consumer's any more: what has begun is the last. */
  public void abandon() {
    lock.lock();
    try {
      abandoned = true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for what has begun.
   *
   * @return false if it goes on
   */
  boolean awaitEnd(long deadlineNanos) throws InterruptedException {
    lock.lock();
    try {
      while (working) {
        long remaining = deadlineNanos - scheduler.nanoTime();
        if (remaining <= 0) {
          return false;
        }
        long unused = ended.awaitNanos(remaining);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** The offset to be committed; empty if nothing was handled. */
  public OptionalLong reached() {
    lock.lock();
    try {
      return reached;
    } finally {
      lock.unlock();
    }
  }

  public PartitionStatus status() {
    lock.lock();
    try {
      boolean hasSome = !waiting.isEmpty();
      boolean waitsForThread = asked && !working;
      PartitionState state = PartitionState.RUNNING;
      Optional<String> reason = Optional.ofNullable(failureText);
      if (course.mode() == Mode.STOPPED) {
        state = PartitionState.STOPPED;
      } else if (failureText != null) {
        state = held ? PartitionState.WAITING : PartitionState.RETRYING;
      } else if (waitsForThread) {
        state = PartitionState.WAITING;
        reason = Optional.of("all handler threads are at work on other partitions");
      }
      return new Status.OfPartition(
          state,
          hasSome ? Optional.of(waiting.element().offset()) : reached.stream().boxed().findFirst(),
          course.attempts(),
          hasSome ? Duration.ofNanos(scheduler.nanoTime() - standsSince) : Duration.ZERO,
          failureText == null ? Optional.empty() : holder,
          reason);
    } finally {
      lock.unlock();
    }
  }
}
