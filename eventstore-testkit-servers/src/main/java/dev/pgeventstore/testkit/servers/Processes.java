package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Stops processes, and waits for their end. */
final class Processes {

  private static final Duration TO_END = Duration.ofSeconds(60);

  private Processes() {}

  /** Stops a process with SIGSTOP, without ending it. */
  static void freeze(ProcessHandle process) {
    try {
      new ProcessBuilder("kill", "-STOP", Long.toString(process.pid())).start().waitFor();
    } catch (IOException e) {
      throw new UncheckedIOException("process %d cannot be stopped".formatted(process.pid()), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(
          "interrupted while process %d was being stopped".formatted(process.pid()), e);
    }
  }

  /**
   * Waits for the end of a process that is not a child of this one. {@code onExit()} completes in
   * the common pool, which a test may keep busy.
   */
  static void awaitEnd(ProcessHandle process) {
    long deadline = System.nanoTime() + TO_END.toNanos();
    while (process.isAlive()) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException(
            "process %d did not end within %d s".formatted(process.pid(), TO_END.toSeconds()));
      }
      try {
        TimeUnit.MILLISECONDS.sleep(5);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(
            "interrupted while process %d was ending".formatted(process.pid()), e);
      }
    }
  }
}
