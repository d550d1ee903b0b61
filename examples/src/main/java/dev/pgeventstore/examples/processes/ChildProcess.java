package dev.pgeventstore.examples.processes;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A Java process of its own, with the class path of this one. Closing it kills it. What it says on
 * its error stream goes where this one's goes, and nothing else does.
 */
public final class ChildProcess implements AutoCloseable {

  private static final long TO_END_SECONDS = 60;

  private final String name;
  private final Process process;

  private ChildProcess(String name, Process process) {
    this.name = name;
    this.process = process;
  }

  /**
   * Starts a process.
   *
   * @param main class whose main method it runs
   * @param arguments for it
   * @return the process
   * @throws IOException if it cannot be started
   */
  public static ChildProcess start(Class<?> main, String... arguments) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx64m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            main.getName());
    builder.command().addAll(List.of(arguments));
    builder.redirectOutput(Redirect.DISCARD).redirectError(Redirect.INHERIT);
    return new ChildProcess(main.getSimpleName(), builder.start());
  }

  /**
   * Waits for its end.
   *
   * @param atMost how long
   * @throws InterruptedException if the thread was interrupted
   * @throws IllegalStateException if it does not end in time, or not well
   */
  public void awaitSuccess(Duration atMost) throws InterruptedException {
    if (!process.waitFor(atMost.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new IllegalStateException(name + " did not end within " + atMost.toSeconds() + " s");
    }
    if (process.exitValue() != 0) {
      throw new IllegalStateException(name + " ended with " + process.exitValue());
    }
  }

  /**
   * Asks it to end, by ending its input, and waits for that.
   *
   * @param atMost how long
   * @throws IOException if it cannot be asked
   * @throws InterruptedException if the thread was interrupted
   * @throws IllegalStateException if it does not end in time, or not well
   */
  public void end(Duration atMost) throws IOException, InterruptedException {
    process.getOutputStream().close();
    awaitSuccess(atMost);
  }

  /**
   * For the process: waits until it is asked to end, or its parent is gone.
   *
   * @throws IOException if the input cannot be read
   */
  public static void awaitEnd() throws IOException {
    while (System.in.read() >= 0) {
      // Nobody says anything.
    }
  }

  /** Kills it, as {@code kill -9} does, and waits for its end. */
  @Override
  public void close() {
    try {
      if (!process.destroyForcibly().waitFor(TO_END_SECONDS, TimeUnit.SECONDS)) {
        throw new IllegalStateException(name + " cannot be killed");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
