package dev.pgeventstore.kafka;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** A relay in a JVM of its own. */
final class RelayProcess implements AutoCloseable {

  private static final AtomicInteger STARTED = new AtomicInteger();

  private final Path log;
  private final Process process;

  RelayProcess(Bench bench, Path folder, boolean leases) {
    try {
      log = folder.resolve("relay-" + STARTED.incrementAndGet() + ".log");
      process =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-Xmx128m",
                  "-XX:+UseSerialGC",
                  "-XX:TieredStopAtLevel=1",
                  "-cp",
                  System.getProperty("java.class.path"),
                  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                  "-Dorg.slf4j.simpleLogger.showDateTime=true",
                  RelayMain.class.getName(),
                  bench.database.url(),
                  bench.broker.bootstrap(),
                  bench.topic,
                  Boolean.toString(leases))
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
    } catch (IOException e) {
      throw new UncheckedIOException("a relay cannot be started", e);
    }
  }

  /** The line of its last status. */
  String status() {
    try {
      List<String> lines =
          Files.readAllLines(log).stream().filter(l -> l.startsWith("RelayStatus")).toList();
      return lines.isEmpty() ? "" : lines.get(lines.size() - 1);
    } catch (IOException e) {
      throw new UncheckedIOException("a relay's output cannot be read", e);
    }
  }

  boolean isLeading() {
    return status().contains("state=LEADING");
  }

  boolean isStandby() {
    return status().contains("state=STANDBY");
  }

  /** A counter of its status. */
  long count(String name) {
    String status = status();
    int at = status.indexOf(name + '=');
    return at < 0
        ? 0
        : Long.parseLong(status.substring(at + name.length() + 1).replaceFirst("[^0-9].*", ""));
  }

  /** SIGSTOP: it stands still, and does not know. */
  void pause() throws IOException, InterruptedException {
    signal("STOP");
  }

  /** SIGCONT. */
  void resume() throws IOException, InterruptedException {
    signal("CONT");
  }

  private void signal(String name) throws IOException, InterruptedException {
    Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start();
    if (kill.waitFor() != 0) {
      throw new IllegalStateException("SIG" + name + " cannot be sent");
    }
  }

  void killHard() {
    try {
      process.destroyForcibly().waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a relay was ending", e);
    }
  }

  @Override
  public void close() {
    killHard();
  }
}
