package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A broker in a JVM of its own: one node that is broker and controller. */
final class ChildKafkaBroker extends KafkaBroker {

  /** After a kill, a restarted node waits until the session of its former process expires. */
  static final Duration SESSION_OF_ONE_THAT_IS_RESTARTED = Duration.ofMillis(2_500);

  /**
   * On a busy machine, heartbeats are late. A broker whose session expires is fenced, and leads no
   * partition.
   */
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
      # One with a certificate of its own shows it, and the others need none.
      listener.name.secured.ssl.client.auth=requested
      listener.name.secured.ssl.keystore.type=PKCS12
      listener.name.secured.ssl.keystore.location=%7$s
      listener.name.secured.ssl.keystore.password=%8$s
      listener.name.secured.ssl.key.password=%8$s
      listener.name.secured.ssl.truststore.type=PKCS12
      listener.name.secured.ssl.truststore.location=%11$s
      listener.name.secured.ssl.truststore.password=%8$s
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

  private final Path folder;
  private final int port = FreePort.find();
  private final int behindProxy = FreePort.find();
  private final int proxyPort = FreePort.find();
  private final int secured = FreePort.find();
  private final BrokerCertificate certificate;
  private final BrokerProcess process;
  private @Nullable TcpProxy proxy;

  /**
   * @param parent an existing folder, in which the broker creates its own
   * @param log an existing folder for the broker's log; null to keep it beside its other files
   */
  ChildKafkaBroker(Path parent, Duration session, boolean createsTopics, @Nullable Path log) {
    try {
      folder = TemporaryFolder.create(parent, "kafka");
      certificate = BrokerCertificate.create(folder);
      process =
          new BrokerProcess(
              folder,
              CONFIGURATION.formatted(
                  port,
                  FreePort.find(),
                  (log == null ? folder : log).resolve("log"),
                  behindProxy,
                  proxyPort,
                  secured,
                  certificate.keyStore(),
                  certificate.password(),
                  session.toMillis(),
                  createsTopics,
                  certificate.trustStore()),
              port);
      Runtime.getRuntime().addShutdownHook(new Thread(this::close, "eventstore-kafka-shutdown"));
      process.format(UUID.randomUUID().toString());
    } catch (IOException e) {
      throw new UncheckedIOException("a Kafka broker cannot be started: " + e.getMessage(), e);
    }
    restart();
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
    process.kill();
  }

  @Override
  public synchronized void pause() {
    process.pause();
  }

  @Override
  public synchronized void resume() {
    process.resume();
  }

  @Override
  public synchronized void restart() {
    process.kill();
    process.launch();
    process.awaitStarted();
  }

  @Override
  public synchronized void close() {
    if (proxy != null) {
      proxy.close();
    }
    process.kill();
    try {
      if (Files.exists(folder)) {
        TemporaryFolder.delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the folder of a Kafka broker cannot be deleted", e);
    }
  }
}
