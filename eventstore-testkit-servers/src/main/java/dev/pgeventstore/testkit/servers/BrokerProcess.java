package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A Kafka node in a JVM of its own, with a folder and a configuration. For use by one thread. */
final class BrokerProcess {

  private static final Duration TO_START = Duration.ofMinutes(3);

  private final String classPath = BrokerClassPath.read();
  private final Path folder;
  private final Path configuration;
  private final int port;
  private Path output;
  private @Nullable Process process;
  private int incarnations;

  /**
   * @param folder the folder for its configuration and its output
   * @param configuration the text of its properties file
   * @param port the port at which it listens for clients
   */
  BrokerProcess(Path folder, String configuration, int port) throws IOException {
    this.folder = folder;
    this.port = port;
    this.output = folder.resolve("output-0.txt");
    this.configuration = folder.resolve("server.properties");
    Files.writeString(this.configuration, configuration);
  }

  /** Prepares the log folder. Called once, before the first launch. */
  void format(String clusterId) throws IOException {
    Process format =
        run("kafka.tools.StorageTool", "format", "-t", clusterId, "-c", configuration.toString());
    await(format);
    if (format.exitValue() != 0) {
      throw failed("the folder of a Kafka broker cannot be formatted");
    }
  }

  private Process run(String... mainAndArguments) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx384m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
                "-Dorg.slf4j.simpleLogger.showDateTime=true",
                "-cp",
                classPath));
    command.addAll(List.of(mainAndArguments));
    return new ProcessBuilder(command)
        .directory(folder.toFile())
        .redirectErrorStream(true)
        .redirectOutput(output.toFile())
        .start();
  }

  /** Starts the process, without waiting for anything. */
  void launch() {
    try {
      incarnations++;
      output = folder.resolve("output-%d.txt".formatted(incarnations));
      process = run("kafka.Kafka", configuration.toString());
    } catch (IOException e) {
      throw new UncheckedIOException("a Kafka broker cannot be started: " + e.getMessage(), e);
    }
  }

  /** Waits until the node has joined its cluster. */
  void awaitStarted() {
    try {
      awaitStarted(running());
    } catch (IOException e) {
      throw new UncheckedIOException("a Kafka broker cannot be started: " + e.getMessage(), e);
    }
  }

  private void awaitStarted(Process started) throws IOException {
    long deadline = System.nanoTime() + TO_START.toNanos();
    while (!BrokerProbe.isReady(port)) {
      if (!started.isAlive()) {
        throw failed("a Kafka broker ended with exit code " + started.exitValue());
      }
      if (System.nanoTime() > deadline) {
        kill();
        throw failed("a Kafka broker did not start within " + TO_START.toSeconds() + " s");
      }
      try {
        TimeUnit.MILLISECONDS.sleep(50);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while a Kafka broker was starting", e);
      }
    }
  }

  private IllegalStateException failed(String what) throws IOException {
    List<String> lines = Files.exists(output) ? Files.readAllLines(output) : List.of();
    List<String> last = lines.subList(Math.max(0, lines.size() - 20), lines.size());
    return new IllegalStateException(
        "%s; the last lines of its log:%n%s"
            .formatted(what, String.join(System.lineSeparator(), last)));
  }

  boolean isAlive() {
    return process != null && process.isAlive();
  }

  private Process running() {
    if (process == null || !process.isAlive()) {
      throw new IllegalStateException("the broker does not run");
    }
    return process;
  }

  /** Sends SIGKILL if the process runs, and waits until it is gone. */
  void kill() {
    if (process != null) {
      process.destroyForcibly();
      await(process);
    }
  }

  /** Sends SIGSTOP. */
  void pause() {
    signal("-STOP");
  }

  /** Sends SIGCONT. */
  void resume() {
    signal("-CONT");
  }

  private void signal(String name) {
    try {
      Process sender = new ProcessBuilder("kill", name, Long.toString(running().pid())).start();
      await(sender);
      if (sender.exitValue() != 0) {
        throw new IllegalStateException("kill " + name + " failed");
      }
    } catch (IOException e) {
      throw new UncheckedIOException("no signal can be sent: " + e.getMessage(), e);
    }
  }

  private static void await(Process process) {
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a Kafka broker was ending", e);
    }
  }
}
