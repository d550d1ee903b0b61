package dev.pgeventstore.kafka;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A relay in a JVM of its own. */
final class RelayProcess implements AutoCloseable {

  private final ChildJvm child;

  RelayProcess(Bench bench, Path folder) {
    this(bench, folder, "warn", Map.of());
  }

  /** With a level of logging, and with settings of Kafka that replace or join the usual ones. */
  RelayProcess(Bench bench, Path folder, String logLevel, Map<String, String> kafka) {
    this(bench, folder, logLevel, kafka, "-Xmx128m");
  }

  /** And with so much memory. */
  RelayProcess(Bench bench, Path folder, String logLevel, Map<String, String> kafka, String heap) {
    List<String> arguments =
        new ArrayList<>(List.of(bench.database.url(), bench.topic, bench.shape().toString()));
    bench.kafkaSettings(kafka).forEach((name, value) -> arguments.add(name + '=' + value));
    child = new ChildJvm(folder, heap, logLevel, RelayMain.class, arguments);
  }

  /** All that it has printed and logged. */
  String output() {
    return child.output();
  }

  /** Waits for it to end by itself. */
  int awaitExit() throws InterruptedException {
    return child.awaitExit();
  }

  /** The line of its last status. */
  String status() {
    List<String> lines = output().lines().filter(l -> l.startsWith("RelayStatus")).toList();
    return lines.isEmpty() ? "" : lines.get(lines.size() - 1);
  }

  /** All of its lanes. */
  boolean isLeading() {
    String status = status();
    return status.contains("state=LEADING") && !status.matches(".*lane=\\d+, state=(?!LEADING).*");
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
  void pause() {
    child.freeze();
  }

  /** SIGCONT. */
  void resume() {
    child.thaw();
  }

  void killHard() {
    child.killHard();
  }

  @Override
  public void close() {
    child.close();
  }
}
