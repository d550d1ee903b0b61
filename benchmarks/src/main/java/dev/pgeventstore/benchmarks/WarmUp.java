package dev.pgeventstore.benchmarks;

import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Does a work until the compiler of the JVM has gone quiet: for the first seconds it takes half of
 * the process, and what it compiles is not what runs later. Quiet is a second of work in which it
 * spent less than {@value #QUIET_PER_MILLE} ms.
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

  /** Of this JVM. One that does not tell what its compiler does is warmed up for the longest. */
  static WarmUp ofThisJvm(Duration longest) {
    @Nullable CompilationMXBean compiler = ManagementFactory.getCompilationMXBean();
    LongSupplier clock = System::nanoTime;
    if (compiler == null || !compiler.isCompilationTimeMonitoringSupported()) {
      return new WarmUp(longest, clock, () -> TimeUnit.NANOSECONDS.toMillis(clock.getAsLong()));
    }
    return new WarmUp(longest, clock, compiler::getTotalCompilationTime);
  }

  /** Takes turns until it is warm. */
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

  /** One time of the work. */
  @FunctionalInterface
  interface Turn {
    void take() throws Exception;
  }

  /**
   * How it went.
   *
   * @param quiet false if the compiler was still busy when time was up
   * @param turns how many there were
   * @param took how long they took
   */
  record Outcome(boolean quiet, int turns, Duration took) {

    @Override
    public String toString() {
      return "%s after %d turns, %.1f s"
          .formatted(quiet ? "warm" : "!! the compiler is not quiet", turns, took.toMillis() / 1e3);
    }
  }
}
