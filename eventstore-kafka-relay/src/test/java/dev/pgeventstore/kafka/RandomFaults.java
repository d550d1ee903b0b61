package dev.pgeventstore.kafka;

import dev.pgeventstore.testkit.servers.PostgresServer;
import dev.pgeventstore.testkit.servers.TcpProxy;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Three relays of one name, and what happens to them and to those they depend on. One is a process
 * of its own; one stands behind networks that fail; one is left alone.
 */
final class RandomFaults implements AutoCloseable {

  private static final int LONGEST_MILLIS = 4_000;

  private final Bench bench;
  private final PostgresServer server;
  private final Random random;
  private final Path folder;
  private final TcpProxy toKafka;
  private final TcpProxy toDatabase;
  private final SecondStore behindNetwork;
  private final List<Fault> faults =
      List.of(
          new Fault("a relay is killed", this::killRelay),
          new Fault("a relay stands still", this::pauseRelay),
          new Fault("a relay is stopped", this::stopRelay),
          new Fault("the broker is killed", () -> this.bench().broker.restart()),
          new Fault("the broker stands still", this::pauseBroker),
          new Fault("Kafka's network is cut", () -> this.kafka().cut()),
          new Fault("Kafka's network refuses", () -> fail(this.kafka(), TcpProxy::refuse)),
          new Fault("Kafka's network is silent", () -> fail(this.kafka(), TcpProxy::freeze)),
          new Fault("Kafka's answers are lost", () -> fail(this.kafka(), TcpProxy::loseAnswers)),
          new Fault("the database is killed", this::killServer),
          new Fault("the database's network is cut", () -> this.database().cut()),
          new Fault("the database's network is silent", () -> fail(database(), TcpProxy::freeze)),
          new Fault(
              "the database's answers are lost", () -> fail(database(), TcpProxy::loseAnswers)),
          new Fault("connections are terminated", this::terminateConnections));

  private RelayProcess process;
  private KafkaRelay behindNetworks;
  private KafkaRelay plain;

  RandomFaults(Bench bench, PostgresServer server, Random random, Path folder) {
    this.bench = bench;
    this.server = server;
    this.random = random;
    this.folder = folder;
    this.toKafka = bench.broker.proxy();
    this.toDatabase = SecondStore.proxy(bench.database);
    this.behindNetwork = SecondStore.of(bench.database, toDatabase);
    this.process = startProcess();
    this.behindNetworks = startBehindNetworks();
    this.plain = bench.relay().start();
  }

  private Bench bench() {
    return bench;
  }

  private TcpProxy kafka() {
    return toKafka;
  }

  private TcpProxy database() {
    return toDatabase;
  }

  private RelayProcess startProcess() {
    return new RelayProcess(bench, folder);
  }

  private KafkaRelay startBehindNetworks() {
    return bench
        .relay(behindNetwork.store, Map.of("bootstrap.servers", bench.broker.proxiedBootstrap()))
        .start();
  }

  /** Lets something happen, and tells what it was. */
  String happen() throws Exception {
    Fault fault = faults.get(random.nextInt(faults.size()));
    fault.what.run();
    return fault.name;
  }

  private void killRelay() {
    process.killHard();
    process = startProcess();
  }

  private void pauseRelay() throws Exception {
    process.pause();
    forSomeTime();
    process.resume();
  }

  private void stopRelay() {
    if (random.nextBoolean()) {
      plain.close();
      plain = bench.relay().start();
    } else {
      behindNetworks.close();
      behindNetworks = startBehindNetworks();
    }
  }

  private void pauseBroker() throws Exception {
    bench.broker.pause();
    forSomeTime();
    bench.broker.resume();
  }

  private void killServer() {
    server.killHard();
    server.restart();
  }

  private void terminateConnections() throws Exception {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement()) {
      statement.execute(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
    }
  }

  private interface Failure {
    void of(TcpProxy network);
  }

  private void fail(TcpProxy network, Failure failure) throws InterruptedException {
    failure.of(network);
    forSomeTime();
    network.restore();
  }

  /** How long something lasts; nothing is waited for. */
  private void forSomeTime() throws InterruptedException {
    Thread.sleep(random.nextInt(LONGEST_MILLIS));
  }

  @Override
  public void close() {
    toKafka.restore();
    toDatabase.restore();
    process.close();
    behindNetworks.close();
    plain.close();
    behindNetwork.close();
    toDatabase.close();
  }

  private interface Happening {
    void run() throws Exception;
  }

  private record Fault(String name, Happening what) {}
}
