package dev.pgeventstore.testkit.internal.simulation;

import dev.pgeventstore.internal.scheduling.Scheduler;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Lets one task run at a time. A seed or the {@link Explorer} chooses which one goes on.
 *
 * <p>Every task has a thread, but only the thread with the baton runs. A task passes the baton on
 * at scheduling points: where it takes or releases a lock, waits, sleeps, starts or ends a task, or
 * calls the simulated database. All other state belongs to the task with the baton, so it needs no
 * lock, and the same choices give the same run.
 *
 * <p>Each step takes a few microseconds of simulated time. When no task can run, and sometimes when
 * one can, the clock jumps to the next deadline.
 */
public final class SimulatedScheduler {

  private static final ExecutorService THREADS =
      Executors.newCachedThreadPool(
          work -> {
            Thread thread = new Thread(work, "simulation");
            thread.setDaemon(true);
            return thread;
          });

  private static final long FOREVER = Long.MAX_VALUE;
  private static final long YIELDED_NANOS = 20_000;
  private static final long HANGS_AFTER_SECONDS = 60;

  /**
   * How often a task of a run that is over may try to go on before its thread is parked for ever.
   */
  private static final int PATIENCE = 1_000;

  private static final ThreadLocal<SimulatedScheduler> RUNNING = new ThreadLocal<>();

  private final SplittableRandom random;
  private final Choices choices;
  private final boolean keepsThreads;
  private final long maxSteps;
  private final List<SimulatedTask> tasks = new ArrayList<>();
  private final List<SimulatedTask> runnable = new ArrayList<>();
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Deque<String> trace = new ArrayDeque<>();
  private final int traced;

  private volatile @Nullable SimulatedTask current;
  private volatile boolean over;
  private volatile @Nullable Throwable failure;
  private long now;
  private long steps;
  private int started;
  private long hash;

  /** The choices that decide a run. */
  interface Choices {

    /** How long a step takes. */
    long stepNanos();

    /** Whether a task that could go on may have to give way here. */
    boolean mayGiveWay();

    /**
     * Whether the clock jumps to the next deadline although a task could run.
     *
     * @param nanos how far
     */
    boolean jumps(long nanos);

    /**
     * Which task is next.
     *
     * @param tasks how many could be
     * @param current which of them was the last, if it could go on; -1 if not
     */
    int next(int tasks, int current);

    /** Whether a waiter wakes up without a signal, which code that waits must tolerate. */
    boolean wakesForNoReason();
  }

  private record Seeded(SplittableRandom random, Style style) implements Choices {

    private static final int SPURIOUS_ONE_IN = 40;

    @Override
    public long stepNanos() {
      return 1 + random.nextLong(style.stepNanos);
    }

    @Override
    public boolean mayGiveWay() {
      return oneIn(style.switchOneIn);
    }

    @Override
    public boolean jumps(long nanos) {
      return oneIn(style.jumpOneIn);
    }

    @Override
    public int next(int tasks, int current) {
      return random.nextInt(tasks);
    }

    @Override
    public boolean wakesForNoReason() {
      return oneIn(SPURIOUS_ONE_IN);
    }

    private boolean oneIn(int n) {
      return n > 0 && random.nextInt(n) == 0;
    }
  }

  /**
   * How a run is scheduled.
   *
   * @param switchOneIn at how many scheduling points a task that could go on gives way once
   * @param jumpOneIn in how many choices the clock jumps although a task could run; 0 for never
   * @param stepNanos the most time that a step takes
   */
  public record Style(int switchOneIn, int jumpOneIn, long stepNanos) {}

  /**
   * @param traced how many of the last steps to remember
   */
  public SimulatedScheduler(long seed, Style style, long maxSteps, int traced) {
    this.random = new SplittableRandom(seed);
    this.choices = new Seeded(random, style);
    this.keepsThreads = false;
    this.maxSteps = maxSteps;
    this.traced = traced;
  }

  /** A scheduler with the given choices. It uses no thread for two tasks of a run. */
  SimulatedScheduler(Choices choices, long maxSteps, int traced) {
    this.random = new SplittableRandom(0);
    this.choices = choices;
    this.keepsThreads = true;
    this.maxSteps = maxSteps;
    this.traced = traced;
  }

  /** A process: its tasks can be frozen and killed together. */
  public Node node(String name) {
    return new Node(name);
  }

  /**
   * Runs a task, and all tasks that it starts, until the first task ends or any task fails. Then
   * all tasks have ended.
   */
  public void run(Node node, Runnable root) throws Throwable {
    SimulatedTask first = new SimulatedTask(node, "root", root);
    first.isRoot = true;
    add(first);
    current = first;
    wake(first);
    if (!ended.await(HANGS_AFTER_SECONDS, TimeUnit.SECONDS)) {
      failure = hanging();
    }
    unwind();
    Throwable found = failure;
    if (found != null) {
      throw found;
    }
  }

  private Throwable hanging() {
    SimulatedTask task = current;
    Throwable hangs =
        new AssertionError("the simulation hangs outside of its scheduler in " + task);
    Thread thread = task == null ? null : task.thread;
    if (thread != null) {
      hangs.setStackTrace(thread.getStackTrace());
    }
    return hangs;
  }

  /** Ends all threads, one after the other, by an error at their scheduling points. */
  private void unwind() throws InterruptedException {
    over = true;
    ended.countDown();
    for (SimulatedTask task : List.copyOf(tasks)) {
      if (!task.isEnded) {
        current = task;
        wake(task);
        task.gone.await(5, TimeUnit.SECONDS);
      }
    }
  }

  public long nanoTime() {
    return now;
  }

  public long steps() {
    return steps;
  }

  /** A hash of everything that happened in the run. */
  public long hash() {
    return hash;
  }

  public SplittableRandom random() {
    return random;
  }

  public boolean oneIn(int n) {
    return n > 0 && random.nextInt(n) == 0;
  }

  /** Records a step for the trace. Costs nothing unless the run is traced. */
  @SuppressWarnings("AnnotateFormatMethod")
  public void note(String format, Object... arguments) {
    if (traced > 0) {
      if (trace.size() == traced) {
        trace.removeFirst();
      }
      SimulatedTask task = current;
      trace.addLast(
          "%9.3f ms %-24s %s"
              .formatted(now / 1e6, task == null ? "" : task, format.formatted(arguments)));
    }
  }

  public List<String> trace() {
    return List.copyOf(trace);
  }

  /** Adds a value to the run's hash. */
  public void mix(long value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15L;
    hash ^= hash >>> 29;
  }

  /** Ends the run with a failure. */
  public RuntimeException fail(Throwable cause) {
    if (failure == null && !over) {
      dump();
      note("FAILED: %s", cause);
      failure = cause;
    }
    ended.countDown();
    throw park();
  }

  /** Another task may go on here, if the calling thread runs a task at all. */
  public static void pointOfRunning() {
    SimulatedScheduler running = RUNNING.get();
    if (running != null) {
      running.point();
    }
  }

  boolean wakesForNoReason() {
    return choices.wakesForNoReason();
  }

  /** Another task may go on here. */
  public void point() {
    SimulatedTask me = me();
    me.requireLife();
    now += choices.stepNanos();
    if (choices.mayGiveWay() || me.node.isStopped()) {
      reschedule(me);
    } else {
      step(me);
    }
  }

  /** Waits until a condition holds, or a time has come. */
  public void block(BooleanSupplier until, long deadline) {
    SimulatedTask me = me();
    me.requireLife();
    me.until = until;
    me.deadline = deadline;
    reschedule(me);
    me.until = null;
  }

  private void blockInterruptibly(BooleanSupplier until, long deadline)
      throws InterruptedException {
    SimulatedTask me = me();
    me.requireLife();
    requireNoInterrupt();
    me.interruptible = true;
    block(until, deadline);
    me.interruptible = false;
  }

  private static void requireNoInterrupt() throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
  }

  /** Waits while time passes. */
  public void sleep(long nanos) {
    block(() -> false, now + Math.max(1, nanos));
  }

  private SimulatedTask me() {
    SimulatedTask me = current;
    if (me == null || me.thread != Thread.currentThread()) {
      throw new IllegalStateException("a thread that the simulation does not know");
    }
    return me;
  }

  private void reschedule(SimulatedTask me) {
    SimulatedTask next = choose(me.until == null ? me : null);
    if (next != me) {
      noteSwitch(me, next);
      hand(next);
      me.awaitBaton();
    }
    me.receive();
  }

  private void noteSwitch(SimulatedTask me, SimulatedTask next) {
    Thread thread = me.thread;
    if (traced > 0 && keepsThreads && thread != null) {
      note("%s for %s at %s", me.until == null ? "gives way" : "waits", next, places(thread, 4));
    }
  }

  private static List<String> places(Thread thread, int most) {
    return Arrays.stream(thread.getStackTrace())
        .filter(frame -> frame.getClassName().startsWith("dev.pgeventstore"))
        .filter(frame -> !frame.getClassName().contains("Simulated"))
        .limit(most)
        .map(frame -> frame.getFileName() + ":" + frame.getLineNumber())
        .toList();
  }

  private void hand(SimulatedTask next) {
    current = next;
    wake(next);
  }

  private static void wake(SimulatedTask task) {
    Thread thread = task.thread;
    if (thread != null) {
      LockSupport.unpark(thread);
    }
  }

  private void step(SimulatedTask task) {
    steps++;
    mix(task.number);
    if (steps > maxSteps) {
      fail(new AssertionError("no end after " + maxSteps + " steps: " + waiting()));
    }
  }

  private SimulatedTask choose(@Nullable SimulatedTask goingOn) {
    while (true) {
      runnable.clear();
      long earliest = FOREVER;
      for (SimulatedTask task : tasks) {
        if (task.node.isKilled) {
          continue;
        }
        long from = task.node.frozenUntil;
        if (from <= now && task.canRun()) {
          runnable.add(task);
        } else {
          earliest = Math.min(earliest, Math.max(from, task.canRun() ? 0 : task.deadline));
        }
      }
      boolean jumps = runnable.isEmpty() || (earliest < FOREVER && choices.jumps(earliest - now));
      if (!jumps) {
        SimulatedTask next = runnable.get(choices.next(runnable.size(), runnable.indexOf(goingOn)));
        step(next);
        return next;
      }
      if (earliest == FOREVER) {
        throw fail(new AssertionError("deadlock: " + waiting()));
      }
      now = Math.max(now, earliest);
    }
  }

  /** Adds the stack of every task to the trace. */
  private void dump() {
    for (SimulatedTask task : tasks) {
      Thread thread = task.thread;
      if (traced > 0 && thread != null) {
        note("%s is at %s", task, places(thread, 12));
      }
    }
  }

  private String waiting() {
    return tasks.stream().filter(task -> !task.node.isKilled).map(SimulatedTask::toString).toList()
        + " at "
        + now;
  }

  private void add(SimulatedTask task) {
    tasks.add(task);
    THREADS.execute(task::run);
  }

  /** Stops a task of a run that is over. */
  private RuntimeException park() {
    SimulatedTask me = me();
    if (!over && !me.isEnded) {
      current = null;
      me.awaitBaton();
    }
    throw new Over();
  }

  /**
   * Ends the threads of a run that is over. This is an error, so that no code handles it as an
   * exception of its own.
   */
  public static final class Over extends Error {
    private static final long serialVersionUID = 1L;

    Over() {
      super("the simulation is over", null, false, false);
    }
  }

  /** A process, as its tasks see it. */
  public final class Node implements Scheduler {

    private final String name;
    private long frozenUntil;
    private boolean isKilled;

    private Node(String name) {
      this.name = name;
    }

    public String name() {
      return name;
    }

    /** Stops all tasks of this node for some time. */
    public void freeze(long nanos) {
      frozenUntil = now + nanos;
    }

    /** Stops all tasks of this node for ever. */
    public void kill() {
      isKilled = true;
      if (me().node == this) {
        block(() -> false, FOREVER);
      }
    }

    public boolean isKilled() {
      return isKilled;
    }

    private boolean isStopped() {
      return isKilled || frozenUntil > now;
    }

    @Override
    public long nanoTime() {
      return now;
    }

    @Override
    public Lock newLock() {
      return new SimulatedLock(SimulatedScheduler.this);
    }

    @Override
    public Scheduler.Task start(String taskName, Runnable work) {
      SimulatedTask task = new SimulatedTask(this, taskName, work);
      if (over) {
        throw new Over();
      }
      add(task);
      point();
      return task;
    }

    @Override
    public <T> T await(Future<T> future) throws InterruptedException, ExecutionException {
      blockInterruptibly(future::isDone, FOREVER);
      requireNoInterrupt();
      return future.get();
    }

    @Override
    public void sleep(long nanos) throws InterruptedException {
      blockInterruptibly(() -> false, now + Math.max(1, nanos));
      requireNoInterrupt();
    }

    /** Waits while time passes; ignores interrupts. */
    public void pause(long nanos) {
      SimulatedScheduler.this.sleep(nanos);
    }

    /** Another task may go on here. */
    public void point() {
      SimulatedScheduler.this.point();
    }

    /**
     * A choice among so many options, numbered from 0. Each option is taken in some order of the
     * steps.
     */
    public int pick(int options) {
      return choices.next(options, -1);
    }

    /** Records a step, for the trace of a run that fails. */
    public void note(String what) {
      SimulatedScheduler.this.note("%s", what);
    }

    @Override
    public void park(Object blocker) {
      parkUntil(choices.wakesForNoReason() ? now : FOREVER);
    }

    @Override
    public void park(Object blocker, long nanos) {
      parkUntil(after(nanos));
    }

    private void parkUntil(long deadline) {
      SimulatedScheduler.this.point();
      SimulatedTask me = me();
      if (!me.isUnparked && !Thread.currentThread().isInterrupted()) {
        me.interruptible = true;
        block(() -> me.isUnparked, deadline);
        me.interruptible = false;
      }
      me.isUnparked = false;
    }

    @Override
    public void unpark(@Nullable Thread thread) {
      SimulatedScheduler.this.point();
      for (SimulatedTask task : tasks) {
        if (thread != null && task.thread == thread) {
          task.isUnparked = true;
        }
      }
    }

    @Override
    public void yieldNow() {
      pause(YIELDED_NANOS);
    }
  }

  /** A thread that runs while it has the baton. */
  public final class SimulatedTask implements Scheduler.Task {

    private final Node node;
    private final String name;
    private final Runnable work;
    private final int number = started++;
    private final CountDownLatch gone = new CountDownLatch(1);
    private boolean isRoot;
    private boolean isEnded;
    private volatile @Nullable Thread thread;
    private @Nullable BooleanSupplier until;
    private long deadline = FOREVER;
    private boolean interruptible;
    private boolean isInterrupted;
    private boolean isUnparked;
    private int refused;

    private SimulatedTask(Node node, String name, Runnable work) {
      this.node = node;
      this.name = name;
      this.work = work;
    }

    private void run() {
      Thread.interrupted();
      thread = Thread.currentThread();
      RUNNING.set(SimulatedScheduler.this);
      try {
        awaitBaton();
        receive();
        requireLife();
        work.run();
      } catch (Over e) {
        // The run has ended before the task.
      } catch (Throwable e) {
        if (!over) {
          failure = e;
          ended.countDown();
          current = null;
        }
      } finally {
        end();
        RUNNING.remove();
        awaitEndOfRun();
      }
    }

    private void awaitEndOfRun() {
      boolean ends = !keepsThreads;
      while (!ends) {
        try {
          ended.await();
          ends = true;
        } catch (InterruptedException e) {
          // The task left this interrupt behind.
        }
      }
    }

    private void end() {
      isEnded = true;
      gone.countDown();
      if (over || current != this) {
        return;
      }
      tasks.remove(this);
      if (isRoot) {
        current = null;
        ended.countDown();
        return;
      }
      try {
        hand(choose(null));
      } catch (Over | IllegalStateException e) {
        // No other task can go on, or the run has ended meanwhile.
      }
    }

    private boolean canRun() {
      BooleanSupplier condition = until;
      return condition == null
          || deadline <= now
          || (interruptible && isInterrupted)
          || condition.getAsBoolean();
    }

    private void awaitBaton() {
      boolean interrupted = Thread.interrupted();
      while (current != this) {
        LockSupport.park(this);
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }

    private void receive() {
      requireLife();
      if (isInterrupted) {
        isInterrupted = false;
        Thread.currentThread().interrupt();
      }
    }

    private void requireLife() {
      if (over) {
        if (++refused > PATIENCE) {
          gone.countDown();
          while (true) {
            LockSupport.park(this);
          }
        }
        throw new Over();
      }
    }

    @Override
    public boolean isAlive() {
      return !isEnded;
    }

    @Override
    public boolean isCurrent() {
      return current == this;
    }

    @Override
    public void interrupt() {
      if (isCurrent()) {
        Thread.currentThread().interrupt();
      } else {
        isInterrupted = true;
      }
      point();
    }

    @Override
    public boolean join(long nanos) throws InterruptedException {
      blockInterruptibly(() -> isEnded, after(nanos));
      requireNoInterrupt();
      return isEnded;
    }

    @Override
    public String toString() {
      return node.name + "/" + name.replace("eventstore-", "");
    }
  }

  /** The time after this many nanoseconds. */
  public long after(long nanos) {
    long end = now + Math.max(0, nanos);
    return end < 0 ? FOREVER : end;
  }

  /** For the locks of this scheduler. */
  boolean isOver() {
    return over;
  }

  Object holder() {
    return me();
  }

  void waitFor(BooleanSupplier until, long deadline, boolean interruptible)
      throws InterruptedException {
    if (interruptible) {
      blockInterruptibly(until, deadline);
    } else {
      block(until, deadline);
    }
  }

  /** The tasks of a node that have not ended, for tests. */
  public Optional<String> unfinished() {
    return tasks.isEmpty() ? Optional.empty() : Optional.of(waiting());
  }

  /** Ends the run with a failure if any task but the root is left. */
  void requireAllEnded() {
    if (tasks.size() > 1) {
      fail(new AssertionError("threads are left: " + waiting()));
    }
  }
}
