package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A broker in a JVM of its own: one node that is broker and controller. */
final class ChildKafkaBroker extends KafkaBroker {

  private static final Duration TO_START = Duration.ofMinutes(3);

  /** Logged when the node has joined its own cluster; its port is open well before. */
  private static final String STARTED = "Kafka Server started";

  /** After a kill a restarted node waits until the session of its former life is over. */
  static final Duration SESSION_OF_ONE_THAT_IS_RESTARTED = Duration.ofMillis(2_500);

  /** On a busy machine heartbeats are late, and a broker that is fenced has no leaders. */
  static final Duration SESSION_OF_A_SHARED_ONE = Duration.ofMinutes(1);

  private static final String CONFIGURATION =
      """
      process.roles=broker,controller
      node.id=1
      controller.quorum.voters=1@127.0.0.1:%2$d
      listeners=PLAINTEXT://127.0.0.1:%1$d,PROXIED://127.0.0.1:%4$d,SECURED://127.0.0.1:%6$d,CONTROLLER://127.0.0.1:%2$d
      advertised.listeners=PLAINTEXT://127.0.0.1:%1$d,PROXIED://127.0.0.1:%5$d,SECURED://127.0.0.1:%6$d
      controller.listener.names=CONTROLLER
      listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SECURED:SASL_SSL,CONTROLLER:PLAINTEXT
      # Who does not log in may do everything, who does what he is allowed.
      authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
      super.users=User:ANONYMOUS
      listener.name.secured.sasl.enabled.mechanisms=SCRAM-SHA-512
      listener.name.secured.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
      listener.name.secured.ssl.keystore.type=PKCS12
      listener.name.secured.ssl.keystore.location=%7$s
      listener.name.secured.ssl.keystore.password=%8$s
      listener.name.secured.ssl.key.password=%8$s
      log.dirs=%3$s
      auto.create.topics.enable=%10$s
      default.replication.factor=1
      min.insync.replicas=1
      offsets.topic.replication.factor=1
      offsets.topic.num.partitions=4
      transaction.state.log.replication.factor=1
      transaction.state.log.min.isr=1
      transaction.state.log.num.partitions=4
      share.coordinator.state.topic.replication.factor=1
      share.coordinator.state.topic.min.isr=1
      group.initial.rebalance.delay.ms=0
      broker.session.timeout.ms=%9$d
      broker.heartbeat.interval.ms=200
      # How soon a transaction past its timeout is aborted.
      transaction.abort.timed.out.transaction.cleanup.interval.ms=500
      # The memory of the cleaner alone would be 128 MB.
      log.cleaner.dedupe.buffer.size=10485760
      """;

  private final String classPath = BrokerClassPath.read();
  private final Path folder;
  private final Path configuration;
  private final int port = FreePort.find();
  private final int behindProxy = FreePort.find();
  private final int proxyPort = FreePort.find();
  private final int secured = FreePort.find();
  private final BrokerCertificate certificate;
  private @Nullable TcpProxy proxy;
  private @Nullable Process process;
  private Path output;
  private int lives;

  ChildKafkaBroker(Duration session, boolean createsTopics) {
    try {
      folder = Files.createTempDirectory("eventstore-kafka");
      output = folder.resolve("output-0.txt");
      configuration = folder.resolve("server.properties");
      Runtime.getRuntime().addShutdownHook(new Thread(this::close, "eventstore-kafka-shutdown"));
      certificate = BrokerCertificate.create(folder);
      Files.writeString(
          configuration,
          CONFIGURATION.formatted(
              port,
              FreePort.find(),
              folder.resolve("log"),
              behindProxy,
              proxyPort,
              secured,
              certificate.keyStore(),
              certificate.password(),
              session.toMillis(),
              createsTopics));
      format();
    } catch (IOException e) {
      throw new UncheckedIOException("a Kafka broker cannot be started: " + e.getMessage(), e);
    }
    launch();
  }

  private void format() throws IOException {
    Process format =
        run(
            "kafka.tools.StorageTool",
            "format",
            "-t",
            UUID.randomUUID().toString(),
            "-c",
            configuration.toString());
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

  private void launch() {
    try {
      lives++;
      output = folder.resolve("output-%d.txt".formatted(lives));
      process = run("kafka.Kafka", configuration.toString());
      awaitStarted(process);
    } catch (IOException e) {
      throw new UncheckedIOException("a Kafka broker cannot be started: " + e.getMessage(), e);
    }
  }

  private void awaitStarted(Process started) throws IOException {
    long deadline = System.nanoTime() + TO_START.toNanos();
    while (!Files.readString(output).contains(STARTED) || !acceptsConnections()) {
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

  private boolean acceptsConnections() {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1_000);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private IllegalStateException failed(String what) throws IOException {
    List<String> lines = Files.exists(output) ? Files.readAllLines(output) : List.of();
    List<String> last = lines.subList(Math.max(0, lines.size() - 20), lines.size());
    return new IllegalStateException(
        "%s; the last lines of its log:%n%s"
            .formatted(what, String.join(System.lineSeparator(), last)));
  }

  @Override
  public String bootstrap() {
    return "127.0.0.1:" + port;
  }

  @Override
  public synchronized TcpProxy proxy() {
    if (proxy == null) {
      proxy = TcpProxy.at(proxyPort, behindProxy);
    }
    return proxy;
  }

  @Override
  public String proxiedBootstrap() {
    return "127.0.0.1:" + proxy().port();
  }

  @Override
  public Map<String, String> settingsOf(String user, String password) {
    return Map.of(
        "bootstrap.servers",
        "127.0.0.1:" + secured,
        "security.protocol",
        "SASL_SSL",
        "sasl.mechanism",
        "SCRAM-SHA-512",
        "sasl.jaas.config",
        "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s\";"
            .formatted(user, password),
        "ssl.truststore.type",
        "PKCS12",
        "ssl.truststore.location",
        certificate.trustStore().toString(),
        "ssl.truststore.password",
        certificate.password());
  }

  @Override
  public boolean canBeKilled() {
    return true;
  }

  @Override
  public synchronized void killHard() {
    kill();
  }

  private void kill() {
    if (process != null) {
      process.destroyForcibly();
      await(process);
    }
  }

  @Override
  public synchronized void pause() {
    signal("-STOP");
  }

  @Override
  public synchronized void resume() {
    signal("-CONT");
  }

  private void signal(String name) {
    if (process == null || !process.isAlive()) {
      throw new IllegalStateException("the broker does not run");
    }
    try {
      Process sender = new ProcessBuilder("kill", name, Long.toString(process.pid())).start();
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

  @Override
  public synchronized void restart() {
    kill();
    launch();
  }

  @Override
  public synchronized void close() {
    if (proxy != null) {
      proxy.close();
    }
    kill();
    try {
      if (Files.exists(folder)) {
        TemporaryFolder.delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the folder of a Kafka broker cannot be deleted", e);
    }
  }
}
