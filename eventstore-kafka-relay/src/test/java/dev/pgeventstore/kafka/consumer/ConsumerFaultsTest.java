package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.ChildJvm;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.consumer.ChildConsumer.Moment;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionState;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.State;
import dev.pgeventstore.kafka.consumer.GapException.Kind;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever is killed, deleted, repeated or taken over, the consumer's database has it once. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Tag("faults")
@Order(1)
class ConsumerFaultsTest {

  private static final int BACKLOG = 20_000;

  private ConsumerBench bench;
  @TempDir private Path folder;

  @BeforeEach
  void open(Database database, KafkaBroker broker) throws Exception {
    bench = new ConsumerBench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  @Test
  void a_reader_of_uncommitted_records_gets_the_exact_sequence_while_relays_are_killed()
      throws Exception {
    AppendResult last;
    int kills = 0;
    try (Admin admin = bench.admin()) {
      do {
        // New ones each time: a fast relay has published all there was before it is killed.
        last = appendBacklog(BACKLOG);
        long before = end(admin, IsolationLevel.READ_UNCOMMITTED);
        try (ChildJvm relay =
            new ChildJvm(
                folder,
                ChildRelay.class,
                bench.database.url(),
                bench.broker.bootstrap(),
                bench.topic)) {
          awaitTransaction(admin, before);
          relay.killHard();
        }
        kills++;
      } while (kills < 3
          || (kills < 10
              && readPage("read_uncommitted").size() == readPage("read_committed").size()));
    }
    try (KafkaRelay relay =
        ConsumerBench.relay(bench.store, bench.broker.bootstrap(), bench.topic).start()) {
      relay.awaitPublished(last, ConsumerBench.PATIENCE);
    }

    Map<Integer, List<Long>> taken = new HashMap<>();
    Watermarks marks = Watermarks.exact();
    int repeats = 0;
    for (ConsumerRecord<byte[], byte[]> record : readPage("read_uncommitted")) {
      RelayedRecord relayed = ConsumerBench.DECODER.decode(record).orElseThrow();
      if (marks.isNew(relayed)) {
        taken
            .computeIfAbsent(record.partition(), key -> new ArrayList<>())
            .add(relayed.place().position().value());
      } else {
        repeats++;
      }
    }

    System.out.println(repeats + " repeats after " + kills + " kills");
    assertThat(taken).isEqualTo(bench.expected());
    assertThat(repeats).as("records of aborted transactions that were met").isPositive();
  }

  /**
   * Returns when there are new records, and some of them in a transaction that has not ended; or
   * when that was missed, and all of them are committed.
   */
  private void awaitTransaction(Admin admin, long before) {
    await()
        .atMost(ConsumerBench.PATIENCE)
        .pollInterval(Duration.ofMillis(1))
        .until(
            () -> {
              long stable = end(admin, IsolationLevel.READ_COMMITTED);
              long end = end(admin, IsolationLevel.READ_UNCOMMITTED);
              return end > Math.max(stable, before) + 100 || stable >= before + BACKLOG;
            });
  }

  /** The sum over the partitions. */
  private long end(Admin admin, IsolationLevel isolation) throws Exception {
    Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
    bench.partitions().forEach(partition -> latest.put(partition, OffsetSpec.latest()));
    return admin
        .listOffsets(latest, new ListOffsetsOptions(isolation))
        .all()
        .get()
        .values()
        .stream()
        .mapToLong(ListOffsetsResultInfo::offset)
        .sum();
  }

  private AppendResult appendBacklog(int events) {
    List<EncodedEvent> payloads =
        Collections.nCopies(
            500, EncodedEvent.of("Happened", 1, "{\"filler\":\"" + "x".repeat(150) + "\"}"));
    AppendResult last = null;
    for (int done = 0; done < events; done += 500) {
      last =
          bench.store.append(
              StreamId.of("backlog", Integer.toString(done / 500 % 30)),
              ExpectedVersion.any(),
              payloads);
    }
    return last;
  }

  private List<ConsumerRecord<byte[], byte[]>> readPage(String isolation) {
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> reader = bench.reader(isolation)) {
      reader.assign(bench.partitions());
      reader.seekToBeginning(bench.partitions());
      Map<TopicPartition, Long> ends = reader.endOffsets(bench.partitions());
      await()
          .atMost(ConsumerBench.PATIENCE)
          // Some hundred records come at a time: pausing in between takes longer than reading.
          .pollDelay(Duration.ZERO)
          .pollInterval(Duration.ofMillis(1))
          .until(
              () -> {
                reader.poll(Duration.ofMillis(100)).forEach(records::add);
                return ends.entrySet().stream()
                    .allMatch(end -> reader.position(end.getKey()) >= end.getValue());
              });
    }
    return records;
  }

  @ParameterizedTest
  @EnumSource(Moment.class)
  void a_consumer_killed_between_its_commits_has_done_everything_once_in_its_database(Moment moment)
      throws Exception {
    bench.publish(12, 50);
    for (int kill = 1; kill <= 3; kill++) {
      try (ChildJvm consumer =
          new ChildJvm(
              folder,
              ChildConsumer.class,
              bench.database.url(),
              bench.broker.bootstrap(),
              bench.topic,
              bench.inbox.group(),
              moment.toString(),
              Integer.toString(kill * 2))) {
        await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.said("now"));
        consumer.killHard();
      }
    }
    assertThat(bench.count()).as("killed in the middle").isPositive().isLessThan(600);
    try (RelayedConsumer consumer = bench.consumer(ConsumerBench::work).start()) {
      bench.awaitDone(600);
      if (moment == Moment.BEFORE_OFFSETS) {
        await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().repeated() > 0);
      }
    }

    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void two_that_both_think_all_partitions_theirs_do_everything_once_and_in_order()
      throws Exception {
    bench.publish(12, 100);
    FutureTask<Integer> first = startZombie();
    FutureTask<Integer> second = startZombie();
    int handled = first.get(60, TimeUnit.SECONDS) + second.get(60, TimeUnit.SECONDS);

    assertThat(handled).isEqualTo(1_200);
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  /** Reads everything from the beginning, whoever else does. Returns how much was new. */
  private FutureTask<Integer> startZombie() {
    FutureTask<Integer> zombie =
        new FutureTask<>(
            () -> {
              int handled = 0;
              try (KafkaConsumer<byte[], byte[]> reader = bench.reader("read_committed")) {
                reader.assign(bench.partitions());
                reader.seekToBeginning(bench.partitions());
                Map<TopicPartition, Long> ends = reader.endOffsets(bench.partitions());
                while (!ends.entrySet().stream()
                    .allMatch(end -> reader.position(end.getKey()) >= end.getValue())) {
                  ConsumerRecords<byte[], byte[]> polled = reader.poll(Duration.ofMillis(100));
                  for (TopicPartition partition : polled.partitions()) {
                    handled +=
                        bench
                            .inbox
                            .handle(bench.pool, polled.records(partition), ConsumerBench::work)
                            .handled();
                  }
                }
              }
              return handled;
            });
    new Thread(zombie, "zombie").start();
    return zombie;
  }

  @Test
  void a_partition_that_was_truncated_stops_with_a_gap_until_the_mark_is_moved() throws Exception {
    bench.publish(1, 10);
    TopicPartition partition =
        new TopicPartition(bench.topic, ConsumerBench.partitionOf("order-0"));
    try (RelayedConsumer consumer = bench.consumer(ConsumerBench::work).start()) {
      bench.awaitDone(10);
    }
    bench.publish(1, 10);
    long sixteenth = readPage("read_committed").get(15).offset();
    try (Admin admin = bench.admin()) {
      admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(sixteenth))).all().get();
    }

    try (RelayedConsumer consumer = bench.consumer(ConsumerBench::work).start()) {
      await().atMost(ConsumerBench.PATIENCE).until(() -> isStopped(consumer, partition));
      assertThat(consumer.status().partitions().get(partition).failure())
          .hasValueSatisfying(
              failure ->
                  assertThat(failure)
                      .contains(GapException.class.getName())
                      .contains(partition + "@" + sixteenth)
                      .contains("deleted"));
      assertThat(bench.count()).isEqualTo(10);

      GapException gap = gapAt(partition);
      assertThat(gap.kind()).isEqualTo(Kind.MISSING);
      try (Connection connection = bench.pool.getConnection()) {
        bench.inbox.moveTo(connection, gap.sequence(), gap.expected());
      }
      consumer.resume();
      bench.awaitDone(15);
    }
    assertThat(bench.count()).isEqualTo(15);
  }

  private static boolean isStopped(RelayedConsumer consumer, TopicPartition partition) {
    var status = consumer.status().partitions().get(partition);
    return status != null && status.isStopped();
  }

  private GapException gapAt(TopicPartition partition) {
    List<ConsumerRecord<byte[], byte[]>> left =
        readPage("read_committed").stream()
            .filter(record -> record.partition() == partition.partition())
            .toList();
    return catchThrowableOfType(
        GapException.class, () -> bench.inbox.handle(bench.pool, left, ConsumerBench::work));
  }

  @Test
  void offsets_that_are_reset_to_the_beginning_repeat_nothing() throws Exception {
    bench.publish(12, 20);
    try (RelayedConsumer consumer = bench.consumer(ConsumerBench::work).start()) {
      bench.awaitDone(240);
    }
    bench.resetOffsets();
    try (RelayedConsumer consumer = bench.consumer(ConsumerBench::work).start()) {
      await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().repeated() == 240);
      assertThat(consumer.status().handled()).isZero();
      bench.publish(12, 1);
      bench.awaitDone(252);
    }

    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @ParameterizedTest
  @EnumSource
  void a_process_that_stands_still_keeps_one_partition_only_and_is_named(Standing standing)
      throws Exception {
    String sick = "order-0";
    TopicPartition partition = new TopicPartition(bench.topic, ConsumerBench.partitionOf(sick));
    Path file = folder.resolve("go");
    bench.publish(9, 10);
    try (ChildJvm child =
        new ChildJvm(
            folder,
            ChildHanging.class,
            bench.database.url(),
            bench.broker.bootstrap(),
            bench.topic,
            bench.inbox.group(),
            sick,
            file.toString())) {
      await().atMost(ConsumerBench.PATIENCE).until(() -> child.said("now"));
      // It has no other transaction open then.
      bench.awaitDone(90 - bench.expected().get(partition.partition()).size());
      child.freeze();
      bench.publish(9, 10);
      int others = 180 - bench.expected().get(partition.partition()).size();
      try (RelayedConsumer consumer =
          bench.consumer(ConsumerBench::work).unhealthyAfter(Duration.ofSeconds(1)).start()) {
        bench.awaitDone(others);
        await()
            .atMost(ConsumerBench.PATIENCE)
            .untilAsserted(
                () ->
                    assertThat(consumer.status().complaint().orElse(""))
                        .contains(partition.toString())
                        .contains("frozen")
                        .doesNotContain("; " + bench.topic));
        var status = consumer.status().partitions().get(partition);
        assertThat(status.state()).isEqualTo(PartitionState.WAITING);
        assertThat(status.waitsFor().orElseThrow().application()).isEqualTo("frozen");
        assertThat(status.attempts()).isZero();

        if (standing == Standing.IS_THAWED) {
          Files.createFile(file);
          child.thaw();
        } else {
          child.killHard();
        }
        bench.awaitDone(180);
        await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().isHealthy());
      }
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  /** How a process that stood still goes on. */
  enum Standing {
    IS_THAWED,
    IS_KILLED
  }

  @Test
  void closing_is_bounded_and_says_which_handler_goes_on() throws Exception {
    bench.publish(1, 10);
    TopicPartition partition =
        new TopicPartition(bench.topic, ConsumerBench.partitionOf("order-0"));
    CountDownLatch released = new CountDownLatch(1);
    CountDownLatch hangs = new CountDownLatch(1);
    RelayedConsumer consumer =
        bench
            .consumer(
                batch -> {
                  ConsumerBench.work(batch);
                  hangs.countDown();
                  released.await();
                })
            .start();
    hangs.await();

    consumer.close();
    assertThat(consumer.status().state()).isEqualTo(State.CLOSED);
    assertThat(consumer.status().reason().orElseThrow()).contains(partition.toString());

    try (RelayedConsumer next = bench.consumer(ConsumerBench::work).start()) {
      await()
          .atMost(ConsumerBench.PATIENCE)
          .until(
              () -> {
                var status = next.status().partitions().get(partition);
                return status != null && status.waitsFor().isPresent();
              });
      released.countDown();
      bench.awaitDone(10);
      await().atMost(ConsumerBench.PATIENCE).until(() -> next.status().repeated() == 10);
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }
}
