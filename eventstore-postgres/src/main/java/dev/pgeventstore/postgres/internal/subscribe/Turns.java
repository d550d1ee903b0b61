package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.subscribe.Timer.Alarm;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has work done in turns, never two at once, so that it holds no thread in between. It has a turn
 * when it is woken and when the time has come that it named; first one in which it may only look,
 * in one of a few threads, and if there is something to do, one in a thread of its own. Safe for
 * many threads.
 *
 * <pre>
 *              woken, or its time               a thread is free
 *   WAITING ----------------------> QUEUED ----------------------> RUNNING ----> OVER
 *      ^                              ^                               |
 *      |    nothing to do             |    woken meanwhile            |
 *      +------------------------------+-------------------------------+
 * </pre>
 */
final class Turns {

  private static final Logger LOG = LoggerFactory.getLogger(Turns.class);

  /** When a thread could not be started. */
  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private final Threads looking;
  private final Threads working;
  private final Work work;
  private final Alarm alarm;

  /** Guards the following. */
  private final Lock lock;

  private State state = State.WAITING;

  /** It was woken while it was running. */
  private boolean again;

  /**
   * @param looking few threads, for what does not block
   * @param working as many as needed
   */
  Turns(Scheduler scheduler, Timer timer, Threads looking, Threads working, Work work) {
    this.looking = looking;
    this.working = working;
    this.work = work;
    this.alarm = timer.alarm(this::wake);
    this.lock = scheduler.newLock();
  }

  /** There may be something to do. Blocks on nothing. */
  void wake() {
    if (queue()) {
      begin(looking, this::look);
    }
  }

  /** The same; the caller's thread looks itself, if none does. For threads that block nobody. */
  void lookNow() {
    if (queue()) {
      look();
    }
  }

  /** Whether the caller is to see to a turn. */
  private boolean queue() {
    lock.lock();
    try {
      boolean waits = state == State.WAITING;
      again |= state == State.RUNNING;
      if (waits) {
        state = State.QUEUED;
        alarm.cancel();
      }
      return waits;
    } finally {
      lock.unlock();
    }
  }

  private void begin(Threads threads, Runnable turn) {
    try {
      threads.execute(turn);
    } catch (RuntimeException | Error e) {
      LOG.warn("There is no thread for {}, trying again: {}", work, Causes.text(e));
      waitFor(RETRY_NANOS);
    }
  }

  private void look() {
    lock.lock();
    try {
      state = State.RUNNING;
      again = false;
    } finally {
      lock.unlock();
    }
    Next next = take(false);
    if (next == Next.IN_THREAD) {
      begin(working, this::workInThread);
    } else {
      end(next);
    }
  }

  /** What runs here others may wait for. */
  private void workInThread() {
    end(EngineThread.find(() -> take(true)));
  }

  /** What was not foreseen must not leave the work without a turn for good. */
  private Next take(boolean inThread) {
    try {
      return work.take(inThread);
    } catch (Throwable e) {
      LOG.error(
          "{} failed in a way that is not foreseen, and is tried again", work, Causes.loggable(e));
      return Next.afterNanos(RETRY_NANOS);
    }
  }

  private void end(Next next) {
    boolean over = next == Next.OVER;
    boolean goesOn;
    lock.lock();
    try {
      goesOn = !over && (again || next.nanos <= 0);
      state = over ? State.OVER : goesOn ? State.QUEUED : State.WAITING;
      if (state == State.WAITING) {
        alarm.set(next.nanos);
      }
    } finally {
      lock.unlock();
    }
    if (goesOn) {
      begin(looking, this::look);
    }
  }

  private void waitFor(long nanos) {
    lock.lock();
    try {
      state = State.WAITING;
      alarm.set(nanos);
    } finally {
      lock.unlock();
    }
  }

  /** Where work is done. */
  @FunctionalInterface
  interface Threads {

    /** Does it soon. */
    void execute(Runnable turn);
  }

  /** What is done in turns. */
  @FunctionalInterface
  interface Work {

    /**
     * Does as much as can be done now. Throws nothing.
     *
     * @param inThread false if it must not block: whatever would is put off by asking for a thread
     * @return when to go on
     */
    Next take(boolean inThread);
  }

  /** When work goes on. */
  static final class Next {

    /** At once, in a thread in which it may block. */
    static final Next IN_THREAD = new Next(0);

    /** At once. */
    static final Next NOW = new Next(0);

    /** Never: it has ended. */
    static final Next OVER = new Next(0);

    private final long nanos;

    private Next(long nanos) {
      this.nanos = nanos;
    }

    /** For how long it waits at most. */
    long nanos() {
      return nanos;
    }

    /** When it is woken, and at the latest after some time. */
    static Next afterMillis(long millis) {
      return new Next(TimeUnit.MILLISECONDS.toNanos(millis));
    }

    /** The same. */
    static Next afterNanos(long nanos) {
      return new Next(nanos);
    }
  }

  private enum State {
    WAITING,
    QUEUED,
    RUNNING,
    OVER
  }
}
