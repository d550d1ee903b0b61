package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One broker that is its own controller, in a JVM of its own. */
final class ChildBroker extends KafkaBroker {

  private static final Duration PATIENCE = Duration.ofSeconds(90);
  private static final String STARTED = "Kafka Server started";
  private static final int LINES_OF_LOG_IN_ERRORS = 30;

  private final Path folder;
  private final String classPath;
  private final int port;
  private int starts;
  private @Nullable Process process;

  ChildBroker(Map<String, String> settings) {
    classPath = BrokerClassPath.read();
    try {
      folder = Files.createTempDirectory("eventstore-kafka");
      Runtime.getRuntime().addShutdownHook(new Thread(this::close, "eventstore-kafka-shutdown"));
      port = Loopback.freePort();
      writeConfiguration(settings);
      format();
    } catch (IOException e) {
      throw new UncheckedIOException("the broker cannot be prepared: " + e.getMessage(), e);
    }
    launch();
  }

  private void writeConfiguration(Map<String, String> settings) throws IOException {
    int controller = Loopback.freePort();
    Map<String, String> all = new TreeMap<>();
    all.put("process.roles", "broker,controller");
    all.put("node.id", "1");
    all.put("controller.quorum.voters", "1@127.0.0.1:" + controller);
    all.put(
        "listeners",
        "PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d".formatted(port, controller));
    all.put("advertised.listeners", "PLAINTEXT://127.0.0.1:" + port);
    all.put("controller.listener.names", "CONTROLLER");
    all.put("log.dirs", folder.resolve("data").toString());
    all.put("auto.create.topics.enable", "false");
    all.put("default.replication.factor", "1");
    all.put("offsets.topic.replication.factor", "1");
    all.put("offsets.topic.num.partitions", "4");
    all.put("transaction.state.log.replication.factor", "1");
    all.put("transaction.state.log.min.isr", "1");
    all.put("transaction.state.log.num.partitions", "4");
    all.put("share.coordinator.state.topic.replication.factor", "1");
    all.put("share.coordinator.state.topic.min.isr", "1");
    all.put("group.initial.rebalance.delay.ms", "0");
    // After a kill the controller takes the broker for alive until its session ends, and does not
    // let it in again before.
    all.put("broker.session.timeout.ms", "1500");
    all.put("broker.heartbeat.interval.ms", "200");
    // How soon an open transaction of somebody who was killed is found and aborted.
    all.put("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500");
    all.putAll(settings);
    Properties properties = new Properties();
    properties.putAll(all);
    try (var out = Files.newOutputStream(folder.resolve("server.properties"))) {
      properties.store(out, null);
    }
  }

  private void format() throws IOException {
    UUID id = UUID.randomUUID();
    byte[] bytes =
        ByteBuffer.allocate(16)
            .putLong(id.getMostSignificantBits())
            .putLong(id.getLeastSignificantBits())
            .array();
    Path log = folder.resolve("format.log");
    Process format =
        run(
            log,
            "kafka.tools.StorageTool",
            "format",
            "-t",
            Base64.getUrlEncoder().withoutPadding().encodeToString(bytes),
            "-c",
            configuration());
    try {
      if (!format.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS) || format.exitValue() != 0) {
        format.destroyForcibly();
        throw new IllegalStateException("the broker's storage cannot be formatted:\n" + end(log));
      }
    } catch (InterruptedException e) {
      format.destroyForcibly();
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the broker's storage was formatted", e);
    }
  }

  private String configuration() {
    return folder.resolve("server.properties").toString();
  }

  private Process run(Path log, String... mainClassAndArguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.add("-Dorg.slf4j.simpleLogger.showDateTime=true");
    command.addAll(List.of("-cp", classPath));
    command.addAll(List.of(mainClassAndArguments));
    return new ProcessBuilder(command)
        .directory(folder.toFile())
        .redirectErrorStream(true)
        .redirectOutput(log.toFile())
        .start();
  }

  private void launch() {
    Path log = folder.resolve("broker-%d.log".formatted(++starts));
    try {
      Process started = run(log, "kafka.Kafka", configuration());
      process = started;
      awaitReady(started, log);
    } catch (IOException e) {
      throw new UncheckedIOException("the broker cannot be started: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the broker started", e);
    }
  }

  private void awaitReady(Process started, Path log) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!(Files.readString(log).contains(STARTED) && accepts())) {
      if (!started.isAlive()) {
        throw new IllegalStateException(
            "the broker ended with %d while starting:%n%s"
                .formatted(started.exitValue(), end(log)));
      }
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException(
            "the broker did not start within %d s:%n%s".formatted(PATIENCE.toSeconds(), end(log)));
      }
      started.waitFor(50, TimeUnit.MILLISECONDS);
    }
  }

  private boolean accepts() {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1_000);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private static String end(Path log) throws IOException {
    List<String> lines =
        new String(Files.readAllBytes(log), StandardCharsets.UTF_8).lines().toList();
    return String.join(
        "\n", lines.subList(Math.max(0, lines.size() - LINES_OF_LOG_IN_ERRORS), lines.size()));
  }

  @Override
  public String bootstrap() {
    return "127.0.0.1:" + port;
  }

  @Override
  public boolean canBeKilled() {
    return true;
  }

  @Override
  public synchronized void killHard() {
    running().destroyForcibly().onExit().join();
  }

  private Process running() {
    Process current = process;
    if (current == null || !current.isAlive()) {
      throw new IllegalStateException("the broker does not run");
    }
    return current;
  }

  @Override
  public synchronized void pause() {
    signal("STOP");
  }

  @Override
  public synchronized void resume() {
    signal("CONT");
  }

  private void signal(String name) {
    try {
      Process kill =
          new ProcessBuilder("kill", "-" + name, Long.toString(running().pid()))
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      if (kill.waitFor() != 0) {
        throw new IllegalStateException("the broker cannot be sent SIG" + name);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("kill cannot be run: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while sending SIG" + name, e);
    }
  }

  @Override
  public synchronized void restart() {
    end();
    launch();
  }

  @Override
  public synchronized void close() {
    end();
    try {
      if (Files.exists(folder)) {
        TemporaryFolder.delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the broker's data cannot be deleted: " + e.getMessage(), e);
    }
  }

  private void end() {
    Process current = process;
    if (current != null) {
      // Its data is needed no more, or must survive a kill anyway: no time is spent on farewells.
      current.destroyForcibly().onExit().join();
    }
  }
}
