package dev.pgeventstore.postgres.internal.fence;

import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Observes the fence for all readers of a store, and wakes them when the mark moves. Safe for many
 * threads.
 *
 * <p>A thread of its own observes while somebody waits: at once when it is told of a commit, every
 * few milliseconds while a transaction holds the mark back, and at the poll interval otherwise.
 * While nobody waits the database sees nothing of it.
 */
public final class HighWaterMark implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(HighWaterMark.class);

  /** While a transaction holds the lock: its end is not told to us if it is a caller's own. */
  private static final long TICK = TimeUnit.MILLISECONDS.toNanos(2);

  private static final long SLOW_TICK = TimeUnit.MILLISECONDS.toNanos(50);
  private static final long TICK_SLOWLY_AFTER = TimeUnit.SECONDS.toNanos(1);

  private final DataSource dataSource;
  private final FenceFunction function;
  private final long pollInterval;

  /** Held during an observation: the fence needs them in the order in which they were made. */
  private final ReentrantLock observing = new ReentrantLock();

  private Fence fence = new Fence(0);
  private @Nullable Connection connection;

  /** The mode in which the connection came, and goes back. */
  private boolean autoCommit = true;

  /** Guards what readers and the observing thread tell each other. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition moved = lock.newCondition();
  private final Condition work = lock.newCondition();
  private volatile Mark mark = Mark.UNKNOWN;
  private final AtomicInteger waiting = new AtomicInteger();

  /** Something was committed since the last observation began. */
  private volatile boolean told;

  /** Of the observing thread alone. */
  private final Tempo tempo = new Tempo();

  private @Nullable SQLException failure;
  private @Nullable Thread observer;
  private boolean closed;

  public HighWaterMark(DataSource dataSource, FenceFunction function, Duration pollInterval) {
    this.dataSource = dataSource;
    this.function = function;
    this.pollInterval = pollInterval.toNanos();
  }

  /** The mark as last observed, without asking the database. */
  public Mark last() {
    return mark;
  }

  /** Observes now. */
  public Mark observe() throws SQLException {
    observing.lock();
    try {
      boolean keep = waiting.get() > 0;
      Mark observed;
      try {
        observed = observe(connection());
      } catch (SQLException | RuntimeException | Error e) {
        release();
        throw e;
      }
      if (!keep) {
        release();
      }
      publish(observed);
      return observed;
    } finally {
      observing.unlock();
    }
  }

  /**
   * In auto-commit mode, whatever the pool gives: a transaction around the observations would keep
   * its locks while nothing happens, and could keep to its first snapshot, so the mark would stand.
   */
  private Connection connection() throws SQLException {
    Connection used = connection;
    if (used == null) {
      used = dataSource.getConnection();
      connection = used;
      autoCommit = used.getAutoCommit();
      used.setAutoCommit(true);
    }
    return used;
  }

  private Mark observe(Connection database) throws SQLException {
    Observation seen = function.observe(database);
    if (!seen.incarnation().equals(mark.incarnation())) {
      // Another life: what was known of the old one's transactions says nothing about this one's.
      // The checkpoints are read first, so that they are older than the observation.
      fence = new Fence(function.settled(database));
      seen = function.observe(database);
    }
    List<Holder> holders =
        seen.locks().stream()
            .map(l -> new Holder(l.virtualTransaction(), l.pid() == null))
            .toList();
    return new Mark(fence.observe(seen.visible(), holders), seen.incarnation());
  }

  private void release() {
    Connection used = connection;
    connection = null;
    if (used != null) {
      try (used) {
        if (!used.isClosed()) {
          used.setAutoCommit(autoCommit);
        }
      } catch (SQLException e) {
        LOG.debug("Closing the observer's connection failed", e);
      }
    }
  }

  private void publish(Mark observed) {
    lock.lock();
    try {
      failure = null;
      if (!observed.equals(mark)) {
        mark = observed;
        moved.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until there is news for a reader: the mark is beyond where it has come to, or the server
   * is in another life than the reader knows.
   *
   * @return the mark, which is no news if the time was over
   * @throws SQLException if the time was over and the database could not be asked
   */
  public Mark await(long after, String incarnation, Duration atMost)
      throws SQLException, InterruptedException {
    Mark known = mark;
    if (known.isNews(after, incarnation)) {
      return known;
    }
    long remaining = atMost.toNanos();
    lock.lockInterruptibly();
    try {
      if (waiting.incrementAndGet() == 1) {
        work.signal();
      }
      startObserver();
      while (!mark.isNews(after, incarnation) && remaining > 0) {
        if (closed) {
          throw new IllegalStateException("the event store is closed");
        }
        remaining = moved.awaitNanos(remaining);
      }
      if (failure != null && !mark.isNews(after, incarnation)) {
        throw new SQLException(
            "the high-water mark cannot be observed", failure.getSQLState(), failure);
      }
      return mark;
    } finally {
      waiting.decrementAndGet();
      lock.unlock();
    }
  }

  /** Tells that something was committed, so that a waiting reader need not wait for the poll. */
  public void appended() {
    if (told) {
      // Nobody need be woken again: whoever was told has not begun to observe yet.
      return;
    }
    // Before it is asked who waits: whoever comes to wait later asks whether this was told.
    told = true;
    if (waiting.get() > 0) {
      lock.lock();
      try {
        work.signal();
      } finally {
        lock.unlock();
      }
    }
  }

  private void startObserver() {
    if (observer == null && !closed) {
      Thread thread = new Thread(this::run, "eventstore-high-water-mark");
      thread.setDaemon(true);
      thread.start();
      observer = thread;
    }
  }

  private void run() {
    long heldSince = System.nanoTime();
    long lastPosition = -1;
    while (awaitWork()) {
      long started = System.nanoTime();
      long pause;
      try {
        Mark seen = observe();
        if (seen.position() != lastPosition) {
          tempo.found(lastPosition < 0 ? 0 : Math.max(0, seen.position() - lastPosition), started);
          lastPosition = seen.position();
          heldSince = started;
        }
        pause = pause(started - heldSince);
      } catch (SQLException | RuntimeException | Error e) {
        // Also an error: without this thread the mark would stand for ever, and nobody would know.
        remember(e);
        pause = pollInterval;
      }
      if (!pause(started, pause)) {
        return;
      }
    }
  }

  private long pause(long heldFor) {
    observing.lock();
    try {
      if (fence.isHeldBack() || fence.hasHolders()) {
        return heldFor > TICK_SLOWLY_AFTER
            ? Math.min(SLOW_TICK, pollInterval)
            : Math.max(TICK, tempo.pause());
      }
      return pollInterval;
    } finally {
      observing.unlock();
    }
  }

  private void remember(Throwable e) {
    lock.lock();
    try {
      if (failure == null && !closed) {
        LOG.warn("The high-water mark cannot be observed, trying again: {}", e.toString());
      }
      failure = e instanceof SQLException sql ? sql : new SQLException(e);
    } finally {
      lock.unlock();
    }
  }

  /** Waits until a reader waits. A connection that nobody needs goes back first. */
  private boolean awaitWork() {
    lock.lock();
    try {
      long patience = pollInterval;
      while (waiting.get() == 0 && !closed) {
        if (patience > 0) {
          patience = work.awaitNanos(patience);
        } else {
          releaseIdle();
          work.await();
        }
      }
      return !closed;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }

  private void releaseIdle() {
    // Never waits for the other lock while holding this one: a reader that observes on its own
    // takes them the other way round, and then returns the connection itself.
    if (observing.tryLock()) {
      try {
        release();
      } finally {
        observing.unlock();
      }
    }
  }

  /** Pauses between two observations: cut short by a commit, as far as the tempo allows. */
  private boolean pause(long started, long nanos) {
    lock.lock();
    try {
      long now = System.nanoTime();
      while (!closed) {
        long end = started + (told ? Math.min(tempo.pause(), nanos) : nanos);
        if (end - now <= 0) {
          break;
        }
        work.awaitNanos(end - now);
        now = System.nanoTime();
      }
      told = false;
      return !closed;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    Thread running;
    lock.lock();
    try {
      closed = true;
      running = observer;
      work.signalAll();
      moved.signalAll();
    } finally {
      lock.unlock();
    }
    if (running != null) {
      joinUninterruptibly(running);
    }
    observing.lock();
    try {
      release();
    } finally {
      observing.unlock();
    }
  }

  private static void joinUninterruptibly(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
