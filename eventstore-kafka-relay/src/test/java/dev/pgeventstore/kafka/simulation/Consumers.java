package dev.pgeventstore.kafka.simulation;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.RelayedBatch;
import dev.pgeventstore.kafka.consumer.RelayedConsumer;
import dev.pgeventstore.kafka.consumer.RelayedRecord;
import dev.pgeventstore.kafka.consumer.SimulatedConsumers;
import dev.pgeventstore.kafka.consumer.WatermarkInbox;
import dev.pgeventstore.kafka.internal.clients.KafkaClients;
import dev.pgeventstore.kafka.simulation.Plan.Group;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** A group of consumers with marks, which reads what the relay has published, and its database. */
final class Consumers {

  static final String SET_ASIDE = "set-aside";

  private static final String GROUP = "readers";
  private static final long MILLI = 1_000_000;
  private static final long PATIENCE = 5_000 * MILLI;

  private final SimulatedScheduler scheduler;
  private final SimulatedBroker broker;
  private final Group setting;
  private final SimulatedGroup group;
  private final SimulatedMarks database;
  private final Effects oracle;
  private final Map<Integer, Process> processes = new TreeMap<>();
  private int starts;
  private boolean isCalm;

  Consumers(SimulatedScheduler scheduler, SimulatedBroker broker, Group setting) {
    this.scheduler = scheduler;
    this.broker = broker;
    this.setting = setting;
    List<TopicPartition> partitions =
        Stream.of(Item.EVENTS, Item.MESSAGES)
            .flatMap(
                topic ->
                    IntStream.range(0, Plan.PARTITIONS)
                        .mapToObj(number -> new TopicPartition(topic, number)))
            .toList();
    this.group = new SimulatedGroup(scheduler, partitions);
    this.oracle = new Effects(scheduler, broker, partitions, GROUP, setting.retries());
    this.database = new SimulatedMarks(scheduler, oracle, setting.breakOneIn());
  }

  /** A process that runs a consumer. */
  private final class Process implements KafkaClients {
    final SimulatedScheduler.Node node;
    final SimulatedClients clients;
    private @Nullable RelayedConsumer consumer;
    private boolean isClosed;

    Process(int number) {
      node = scheduler.node("consumer " + number + "." + ++starts);
      clients = new SimulatedClients(scheduler, node, broker, isCalm ? 0 : setting.loseOneIn());
      node.start("starting", this::start);
    }

    private void start() {
      RelayedConsumer.Builder builder =
          SimulatedConsumers.describe(
                  Map.of("max.poll.records", setting.most()),
                  SimulatedClients.only(DataSource.class, new Pool(node)),
                  WatermarkInbox.builder(GROUP, RecordDecoder.of(new NoCodec())).build(),
                  batch -> handle(node, batch),
                  this,
                  node)
              .topics(Item.EVENTS, Item.MESSAGES)
              .retries(setting.retries())
              .backOff(Duration.ofMillis(50), Duration.ofSeconds(1))
              .handlerThreads(setting.threads());
      consumer = (setting.letters() ? builder.deadLetters(SET_ASIDE) : builder).start();
      if (isClosed) {
        consumer.close();
      }
    }

    void close() {
      isClosed = true;
      RelayedConsumer running = consumer;
      if (running != null && !node.isKilled()) {
        node.start("closing", running::close);
      }
    }

    void resume() {
      RelayedConsumer running = consumer;
      if (running != null && !node.isKilled()) {
        running.resume();
      }
    }

    @Override
    public String toString() {
      return node.name() + ": " + (consumer == null ? "" : consumer.status());
    }

    @Override
    public Admin admin(Map<String, Object> settings) {
      return clients.admin(settings);
    }

    @Override
    @SuppressWarnings("unchecked")
    public Consumer<byte[], byte[]> consumer(Map<String, Object> settings) {
      return SimulatedClients.only(
          Consumer.class, new SimulatedMember(clients, group, setting.eager(), setting.most()));
    }

    @Override
    @SuppressWarnings("unchecked")
    public Producer<byte[], byte[]> producer(Map<String, Object> settings) {
      return SimulatedClients.only(Producer.class, new Letters(clients));
    }
  }

  /** Gives a process connections. */
  public final class Pool {
    private final SimulatedScheduler.Node node;

    Pool(SimulatedScheduler.Node node) {
      this.node = node;
    }

    public Connection getConnection() throws SQLException {
      return database.connect(node);
    }
  }

  /** Sends what is set aside. */
  public final class Letters {
    private final SimulatedClients clients;

    Letters(SimulatedClients clients) {
      this.clients = clients;
    }

    public Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> letter, Callback callback) {
      TopicPartition partition = new TopicPartition(letter.topic(), letter.partition());
      KafkaException failure = null;
      try {
        Object unused =
            clients.ask(
                PATIENCE,
                () -> {
                  oracle.setAside(letter);
                  return broker.add(partition, letter);
                });
      } catch (KafkaException e) {
        failure = e;
      }
      callback.onCompletion(new RecordMetadata(partition, 0, 0, 0, 0, 0), failure);
      return new CompletableFuture<>();
    }

    public void close(Duration timeout) {}
  }

  private void handle(SimulatedScheduler.Node node, RelayedBatch batch) throws SQLException {
    boolean isAlone = batch.records().size() == 1;
    for (RelayedRecord record : batch) {
      String id = new String(record.value(), UTF_8);
      if (isAlone) {
        oracle.calledAlone(id);
      }
      if (!isCalm && scheduler.oneIn(setting.hangOneIn())) {
        node.note("a handler hangs");
        node.pause(setting.hang() * MILLI);
      }
      SimulatedSession.write(batch.connection(), id);
      if (isHopeless(id)) {
        throw failure(id, isAlone, new IllegalStateException("it cannot be handled"));
      }
      if (!isCalm && scheduler.oneIn(setting.failOneIn())) {
        node.note("a handler fails");
        fail(id, isAlone);
      }
    }
    node.note("handled %d records".formatted(batch.records().size()));
  }

  private <E extends Exception> E failure(String id, boolean isAlone, E failure) {
    if (isAlone) {
      oracle.failedAlone(id);
    }
    return failure;
  }

  /** In a way that is the record's, such as a lost connection that is not its own; or is not. */
  private void fail(String id, boolean isAlone) throws SQLException {
    switch (scheduler.random().nextInt(5)) {
      case 0 -> throw new SQLException("deadlock detected", "40P01");
      case 1 -> throw failure(id, isAlone, new SQLException("it is lost", "08006"));
      case 2 -> throw new SQLException("no space left on device", "53100");
      case 3 -> throw new OutOfMemoryError("there is no memory left");
      default -> throw failure(id, isAlone, new IllegalStateException("it fails"));
    }
  }

  private boolean isHopeless(String id) {
    return setting.hopelessOneIn() > 0
        && UUID.fromString(id).getLeastSignificantBits() % setting.hopelessOneIn() == 0;
  }

  // What happens.

  void start(int number) {
    close(number);
    processes.put(number, new Process(number));
  }

  void close(int number) {
    Process process = processes.remove(number);
    if (process != null) {
      process.close();
    }
  }

  /** The server notices that a process is gone, after a while. */
  void kill(int number, int noticed) {
    Process process = processes.remove(number);
    if (process != null) {
      process.node.kill();
      scheduler.sleep(Math.max(1, noticed * MILLI));
      database.left(process.node);
    }
  }

  void freeze(int number, int millis) {
    Process process = processes.get(number);
    if (process != null) {
      process.node.freeze(millis * MILLI);
    }
  }

  void databaseDown(int millis) {
    database.goDown(millis * MILLI);
  }

  void databaseReadOnly(int millis) {
    database.turnReadOnly(millis * MILLI);
  }

  void setBack(int records) {
    group.setBack(records);
  }

  /** From now on nothing fails but what always does. */
  void calm() {
    isCalm = true;
    database.calm();
    processes.values().forEach(process -> process.clients.loseOneIn = 0);
    start(-1);
  }

  /** What has yet to be handled; empty if nothing. An operator lets what has stopped go on. */
  String missing() {
    processes.values().forEach(Process::resume);
    return oracle.missing(database);
  }

  @Override
  public String toString() {
    return processes.values().toString();
  }
}
