package dev.pgeventstore.kafka.consumer;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** A class's main method in a JVM of its own, to be killed. */
final class ChildJvm implements AutoCloseable {

  private static final AtomicInteger STARTED = new AtomicInteger();

  private final Path log;
  private final Process process;

  ChildJvm(Path folder, Class<?> main, String... arguments) {
    log = folder.resolve("child-" + STARTED.incrementAndGet() + ".log");
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                main.getName()));
    command.addAll(List.of(arguments));
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
  boolean said(String beginning) {
    String output = output();
    if (output.lines().anyMatch(line -> line.startsWith(beginning))) {
      return true;
    }
    if (!process.isAlive()) {
      throw new IllegalStateException("a child has ended: " + output);
    }
    return false;
  }

  private String output() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException("a child's output cannot be read", e);
    }
  }

  /** SIGSTOP: it stands still, and does not know. */
  void freeze() {
    signal("STOP");
  }

  /** SIGCONT. */
  void thaw() {
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
  void killHard() {
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
