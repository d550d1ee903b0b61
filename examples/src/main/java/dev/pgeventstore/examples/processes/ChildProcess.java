package dev.pgeventstore.examples.processes;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A separate Java process with the class path of this one. Closing it kills the process. It
 * inherits the error stream of this process, and no other stream.
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
   * @param main the class whose main method is run
   * @param arguments the arguments of the main method
   * @return the process
   * @throws IOException if the process cannot be started
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
   * Waits for the end of the process.
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
   * Asks the process to end by closing its input, and waits for its end.
   *
   * @param atMost how long
   * @throws IOException if its input cannot be closed
   * @throws InterruptedException if the thread was interrupted
   * @throws IllegalStateException if it does not end in time, or not well
   */
  public void end(Duration atMost) throws IOException, InterruptedException {
    process.getOutputStream().close();
    awaitSuccess(atMost);
  }

  /**
   * Called in the child process: waits until it is asked to end, or its parent has ended.
   *
   * @throws IOException if the input cannot be read
   */
  public static void awaitEnd() throws IOException {
    while (System.in.read() >= 0) {
      // Input is ignored; only its end matters.
    }
  }

  /** Kills the process, as {@code kill -9} does, and waits for its end. */
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
