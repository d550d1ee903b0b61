package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A Kafka cluster on 127.0.0.1. Each node is broker and controller in a JVM of its own. By default,
 * a topic has as many replicas as there are nodes, and needs a majority of them in sync. This also
 * holds for Kafka's internal topics.
 *
 * <p>Nodes are numbered from 1. The methods of {@link KafkaBroker} apply to all nodes. This cluster
 * has no logins and no proxy.
 */
public final class KafkaCluster extends KafkaBroker {

  private static final String CONFIGURATION =
      """
      process.roles=broker,controller
      node.id=%1$d
      controller.quorum.voters=%2$s
      listeners=PLAINTEXT://127.0.0.1:%3$d,CONTROLLER://127.0.0.1:%4$d
      advertised.listeners=PLAINTEXT://127.0.0.1:%3$d
      controller.listener.names=CONTROLLER
      listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
      log.dirs=%5$s
      auto.create.topics.enable=false
      default.replication.factor=%6$d
      min.insync.replicas=%7$d
      offsets.topic.replication.factor=%6$d
      offsets.topic.num.partitions=4
      transaction.state.log.replication.factor=%6$d
      transaction.state.log.min.isr=%7$d
      transaction.state.log.num.partitions=4
      share.coordinator.state.topic.replication.factor=%6$d
      share.coordinator.state.topic.min.isr=%7$d
      group.initial.rebalance.delay.ms=0
      broker.session.timeout.ms=4000
      broker.heartbeat.interval.ms=500
      replica.lag.time.max.ms=6000
      transaction.abort.timed.out.transaction.cleanup.interval.ms=500
      log.cleaner.dedupe.buffer.size=10485760
      """;

  private final Path folder;
  private final List<BrokerProcess> nodes = new ArrayList<>();
  private final String bootstrap;

  KafkaCluster(int size) {
    List<Integer> ports = IntStream.range(0, size).mapToObj(i -> FreePort.find()).toList();
    List<Integer> controllers = IntStream.range(0, size).mapToObj(i -> FreePort.find()).toList();
    bootstrap = ports.stream().map(port -> "127.0.0.1:" + port).collect(Collectors.joining(","));
    String voters =
        IntStream.range(0, size)
            .mapToObj(i -> "%d@127.0.0.1:%d".formatted(i + 1, controllers.get(i)))
            .collect(Collectors.joining(","));
    String id = UUID.randomUUID().toString();
    try {
      folder = Files.createTempDirectory("eventstore-kafka-cluster");
      Runtime.getRuntime()
          .addShutdownHook(new Thread(this::close, "eventstore-kafka-cluster-shutdown"));
      for (int i = 0; i < size; i++) {
        Path own = Files.createDirectory(folder.resolve("node-" + (i + 1)));
        String configuration =
            CONFIGURATION.formatted(
                i + 1,
                voters,
                ports.get(i),
                controllers.get(i),
                own.resolve("log"),
                size,
                size / 2 + 1);
        BrokerProcess node = new BrokerProcess(own, configuration, ports.get(i));
        node.format(id);
        nodes.add(node);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("a Kafka cluster cannot be started: " + e.getMessage(), e);
    }
    restart();
  }

  private BrokerProcess node(int node) {
    return nodes.get(node - 1);
  }

  @Override
  public String bootstrap() {
    return bootstrap;
  }

  @Override
  public TcpProxy proxy() {
    throw new UnsupportedOperationException("a cluster has no proxy");
  }

  @Override
  public String proxiedBootstrap() {
    throw new UnsupportedOperationException("a cluster has no proxy");
  }

  @Override
  public Map<String, String> settingsOf(String user, String password) {
    throw new UnsupportedOperationException("this cluster has no logins");
  }

  @Override
  public boolean canBeKilled() {
    return true;
  }

  @Override
  public synchronized void killHard() {
    nodes.forEach(BrokerProcess::kill);
  }

  /**
   * Kills a node with SIGKILL, and waits until it is gone. Its log stays.
   *
   * @param node its number
   */
  public synchronized void killHard(int node) {
    node(node).kill();
  }

  @Override
  public synchronized void pause() {
    nodes.forEach(BrokerProcess::pause);
  }

  /**
   * Pauses a node's process with SIGSTOP.
   *
   * @param node its number
   */
  public synchronized void pause(int node) {
    node(node).pause();
  }

  @Override
  public synchronized void resume() {
    nodes.forEach(BrokerProcess::resume);
  }

  /**
   * Resumes a paused node with SIGCONT.
   *
   * @param node its number
   */
  public synchronized void resume(int node) {
    node(node).resume();
  }

  @Override
  public synchronized void restart() {
    killHard();
    nodes.forEach(BrokerProcess::launch);
    nodes.forEach(BrokerProcess::awaitStarted);
  }

  /**
   * Starts a node again, on the same log and ports. A node that still runs is killed first. The
   * start needs a majority of nodes.
   *
   * @param node its number
   */
  public synchronized void restart(int node) {
    node(node).kill();
    node(node).launch();
    node(node).awaitStarted();
  }

  @Override
  public synchronized void close() {
    killHard();
    try {
      if (Files.exists(folder)) {
        TemporaryFolder.delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the folder of a Kafka cluster cannot be deleted", e);
    }
  }
}
