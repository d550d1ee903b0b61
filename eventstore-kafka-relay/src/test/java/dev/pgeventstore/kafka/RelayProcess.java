package dev.pgeventstore.kafka;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A relay in a JVM of its own. */
final class RelayProcess implements AutoCloseable {

  private static final AtomicInteger STARTED = new AtomicInteger();

  private final Path log;
  private final Process process;

  RelayProcess(Bench bench, Path folder, boolean leases) {
    this(bench, folder, leases, "warn", Map.of());
  }

  /** With a level of logging, and with settings of Kafka that replace or join the usual ones. */
  RelayProcess(
      Bench bench, Path folder, boolean leases, String logLevel, Map<String, String> kafka) {
    this(bench, folder, leases, logLevel, kafka, "-Xmx128m");
  }

  /** And with so much memory. */
  RelayProcess(
      Bench bench,
      Path folder,
      boolean leases,
      String logLevel,
      Map<String, String> kafka,
      String heap) {
    log = folder.resolve("relay-" + STARTED.incrementAndGet() + ".log");
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
                RelayMain.class.getName(),
                bench.database.url(),
                bench.topic,
                bench.shape().toString(),
                Boolean.toString(leases)));
    bench.kafkaSettings(kafka).forEach((name, value) -> command.add(name + '=' + value));
    try {
      process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
    } catch (IOException e) {
      throw new UncheckedIOException("a relay cannot be started", e);
    }
  }

  /** All that it has printed and logged. */
  String output() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException("a relay's output cannot be read", e);
    }
  }

  /** Waits for it to end by itself. */
  int awaitExit() throws InterruptedException {
    if (!process.waitFor(Bench.PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
      throw new AssertionError("the relay still runs: " + status());
    }
    return process.exitValue();
  }

  /** The line of its last status. */
  String status() {
    List<String> lines = output().lines().filter(l -> l.startsWith("RelayStatus")).toList();
    return lines.isEmpty() ? "" : lines.get(lines.size() - 1);
  }

  boolean isLeading() {
    return status().contains("state=LEADING");
  }

  boolean isStandby() {
    return status().contains("state=STANDBY");
  }

  /** Of several lanes each stands by for itself. */
  boolean hasLaneThatStandsBy() {
    return isStandby() || status().matches(".*lane=\\d+, state=STANDBY.*");
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
