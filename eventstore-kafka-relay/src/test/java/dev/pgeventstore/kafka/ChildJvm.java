package dev.pgeventstore.kafka;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A class's main method in a JVM of its own, to be killed. */
public final class ChildJvm implements AutoCloseable {

  private static final AtomicInteger STARTED = new AtomicInteger();

  private final Path log;
  private final Process process;

  public ChildJvm(Path folder, Class<?> main, String... arguments) {
    this(folder, "-Xmx128m", "warn", main, List.of(arguments));
  }

  /** With so much memory, and a level of logging. */
  ChildJvm(Path folder, String heap, String logLevel, Class<?> main, List<String> arguments) {
    log = folder.resolve("child-" + STARTED.incrementAndGet() + ".log");
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                heap,
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=" + logLevel,
                "-Dorg.slf4j.simpleLogger.showDateTime=true",
                main.getName()));
    command.addAll(arguments);
    try {
      process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
    } catch (IOException e) {
      throw new UncheckedIOException("a child cannot be started", e);
    }
  }

  /** Whether it has said something, in a line that begins so. Fails if it has ended. */
  public boolean said(String beginning) {
    String output = output();
    if (output.lines().anyMatch(line -> line.startsWith(beginning))) {
      return true;
    }
    if (!process.isAlive()) {
      throw new IllegalStateException("a child has ended: " + output);
    }
    return false;
  }

  /** All that it has printed and logged. */
  String output() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException("a child's output cannot be read", e);
    }
  }

  /** Waits for it to end by itself. */
  int awaitExit() throws InterruptedException {
    if (!process.waitFor(Bench.PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
      throw new AssertionError("a child still runs: " + output());
    }
    return process.exitValue();
  }

  /** SIGSTOP: it stands still, and does not know. */
  public void freeze() {
    signal("STOP");
  }

  /** SIGCONT. */
  public void thaw() {
    signal("CONT");
  }

  private void signal(String name) {
    try {
      if (new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor()
          != 0) {
        throw new IllegalStateException("SIG" + name + " cannot be sent");
      }
    } catch (IOException e) {
      throw new UncheckedIOException("SIG" + name + " cannot be sent", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while SIG" + name + " was sent", e);
    }
  }

  /** SIGKILL. */
  public void killHard() {
    try {
      process.destroyForcibly().waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a child was ending", e);
    }
  }

  @Override
  public void close() {
    killHard();
  }
}
