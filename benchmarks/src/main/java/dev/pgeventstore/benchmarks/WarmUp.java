package dev.pgeventstore.benchmarks;

import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs a work until the JVM's compiler is quiet. In the first seconds, the compiler takes half of
 * the CPU time of the process, and the code is not yet the code that runs later. The compiler is
 * quiet if it takes less than {@value #QUIET_PER_MILLE} ms in a second of work.
 */
final class WarmUp {

  private static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long QUIET_PER_MILLE = 20;

  private final Duration longest;
  private final LongSupplier nanoTime;
  private final LongSupplier compilerMillis;

  WarmUp(Duration longest, LongSupplier nanoTime, LongSupplier compilerMillis) {
    this.longest = longest;
    this.nanoTime = nanoTime;
    this.compilerMillis = compilerMillis;
  }

  /**
   * Creates a warm-up of this JVM. If the JVM does not report its compiler's time, the warm-up
   * takes the longest time.
   */
  static WarmUp ofThisJvm(Duration longest) {
    @Nullable CompilationMXBean compiler = ManagementFactory.getCompilationMXBean();
    LongSupplier clock = System::nanoTime;
    if (compiler == null || !compiler.isCompilationTimeMonitoringSupported()) {
      return new WarmUp(longest, clock, () -> TimeUnit.NANOSECONDS.toMillis(clock.getAsLong()));
    }
    return new WarmUp(longest, clock, compiler::getTotalCompilationTime);
  }

  /** Repeats a work until the JVM is warm. */
  Outcome warm(Turn turn) throws Exception {
    long started = nanoTime.getAsLong();
    long since = started;
    long compiled = compilerMillis.getAsLong();
    int turns = 0;
    while (nanoTime.getAsLong() - started < longest.toNanos()) {
      turn.take();
      turns++;
      long now = nanoTime.getAsLong();
      if (now - since >= WINDOW_NANOS) {
        long spent = compilerMillis.getAsLong() - compiled;
        if (spent * 1_000 < QUIET_PER_MILLE * TimeUnit.NANOSECONDS.toMillis(now - since)) {
          return new Outcome(true, turns, Duration.ofNanos(now - started));
        }
        since = now;
        compiled += spent;
      }
    }
    return new Outcome(false, turns, Duration.ofNanos(nanoTime.getAsLong() - started));
  }

  /** One run of the work. */
  @FunctionalInterface
  interface Turn {
    void take() throws Exception;
  }

  /**
   * The result of a warm-up.
   *
   * @param quiet false if the compiler was still busy at the end of the longest time
   * @param turns the number of runs
   * @param took the duration of all runs
   */
  record Outcome(boolean quiet, int turns, Duration took) {

    @Override
    public String toString() {
      return "%s after %d turns, %.1f s"
          .formatted(quiet ? "warm" : "!! the compiler is not quiet", turns, took.toMillis() / 1e3);
    }
  }
}
