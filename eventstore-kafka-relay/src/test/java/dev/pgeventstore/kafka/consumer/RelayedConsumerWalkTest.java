package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.RelayOperations;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Consumers that come and go, with handlers that fail in every way, while a relay publishes in two
 * lanes and operators rewind it, declare it anew and publish tombstones, in an order that a seed
 * chooses: everything is handled once, and each stream in order.
 */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Tag("faults")
@Order(1)
class RelayedConsumerWalkTest {

  private static final int STEPS = Integer.getInteger("relay.walk.steps", 60);
  private static final int MOST_CONSUMERS = 4;

  private final Random random = new Random(Long.getLong("relay.walk.seed", 1));
  private final List<RelayedConsumer> consumers = new ArrayList<>();
  private ConsumerBench bench;
  private KafkaRelay.Builder builder;
  private KafkaRelay relay;

  @BeforeEach
  void open(Database database, KafkaBroker broker) throws Exception {
    bench = new ConsumerBench(database, broker);
    try (Connection connection = bench.pool.getConnection();
        Statement statement = connection.createStatement()) {
      // No unique key: what is handled twice is to be seen.
      statement.execute(
          "create table handled (number bigserial, what text not null, version bigint not null)");
    }
  }

  @AfterEach
  void close() {
    consumers.forEach(RelayedConsumer::close);
    relay.close();
    bench.close();
  }

  private static void workAndFail(RelayedBatch batch) throws Exception {
    try (PreparedStatement insert =
        batch.connection().prepareStatement("insert into handled (what, version) values (?, ?)")) {
      for (RelayedRecord record : batch) {
        if (record.value() != null) {
          insert.setString(
              1,
              record.header("es_message_id").or(() -> record.header("ce_subject")).orElseThrow());
          insert.setLong(2, record.header("es_version").map(Long::parseLong).orElse(0L));
          insert.addBatch();
        }
      }
      insert.executeBatch();
    }
    ThreadLocalRandom chance = ThreadLocalRandom.current();
    switch (chance.nextInt(12)) {
      case 0 -> throw new IllegalStateException("now and then");
      case 1 -> throw new AssertionError("now and then");
      case 2 -> throw new InterruptedException("now and then");
      case 3 -> Thread.currentThread().interrupt();
      case 4 -> execute(batch.connection(), "select 1 / 0");
      case 5 -> batch.connection().rollback();
      // Longer than a rebalance waits for it.
      case 6 -> Thread.sleep(chance.nextInt(4_500));
      default -> {}
    }
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  @ParameterizedTest
  @EnumSource
  void everything_is_handled_once_and_each_stream_in_order(Delivery delivery) throws Exception {
    builder =
        ConsumerBench.relay(bench.store, bench.broker.bootstrap(), bench.topic)
            .delivery(delivery)
            .lanes(2);
    relay = builder.start();
    bench.append("order-0", 1);
    awaitPublished(relay);
    for (int step = 0; step < STEPS; step++) {
      step();
      Thread.sleep(random.nextInt(400));
    }
    awaitPublished(relay);
    relay.close();
    assertThat(builder.operations().verify(progress -> {}).isExact()).isTrue();
    startConsumer();
    int events = bench.stored().size();
    await()
        .atMost(ConsumerBench.PATIENCE.multipliedBy(2))
        .until(
            () ->
                count("select count(distinct (what, version)) from handled where version > 0")
                    == events);
    assertThat(
            count(
                "select count(*) from (select 1 from handled group by what, version having count(*) > 1) as twice"))
        .isZero();
    assertThat(
            count(
                """
                select count(*)
                  from (select version, lag(version) over (partition by what order by number) as before
                          from handled
                         where version > 0) as steps
                 where before >= version
                """))
        .isZero();
  }

  private void step() throws Exception {
    switch (random.nextInt(9)) {
      case 0, 1 -> bench.append("order-" + random.nextInt(8), 1 + random.nextInt(30));
      case 2, 3 -> {
        if (consumers.size() < MOST_CONSUMERS) {
          startConsumer();
        }
      }
      case 4 -> {
        if (!consumers.isEmpty()) {
          consumers.remove(random.nextInt(consumers.size())).close();
        }
      }
      case 5 -> {
        relay.close();
        if (random.nextBoolean()) {
          redeclare();
        } else {
          builder.operations().publishTombstone(StreamId.parse("order-1"));
        }
        relay = builder.start();
      }
      case 6 -> rewind();
      default ->
          bench.store.append(
              Append.to(
                      StreamId.parse("order-" + random.nextInt(8)),
                      ExpectedVersion.any(),
                      List.of(EncodedEvent.of("Happened", 1, "{}")))
                  .message(
                      OutboxMessage.to("relay-of-" + bench.topic, bench.topic)
                          .key("k" + random.nextInt(5))
                          .json("{}")));
    }
  }

  private void startConsumer() {
    consumers.add(bench.consumer(RelayedConsumerWalkTest::workAndFail).retries(1_000).start());
  }

  private void awaitPublished(KafkaRelay of) throws Exception {
    of.awaitPublished(bench.store.highWaterMark(), ConsumerBench.PATIENCE);
  }

  private void rewind() throws Exception {
    RelayOperations operations = builder.operations();
    long to = operations.position().value() - random.nextInt(20);
    try {
      operations.rewindTo(Position.of(Math.max(0, to)), "a walk");
    } catch (IllegalArgumentException e) {
      assertThat(e).hasMessageContaining("began after");
    }
  }

  /** As it says, if it has to catch up before. */
  private void redeclare() throws Exception {
    try {
      builder.operations().redeclare("a walk");
    } catch (IllegalStateException e) {
      assertThat(e).hasMessageContaining("start it as it was declared before");
      try (KafkaRelay again = builder.start()) {
        awaitPublished(again);
      }
      builder.operations().redeclare("a walk");
    }
  }

  private int count(String sql) throws SQLException {
    try (Connection connection = bench.pool.getConnection();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getInt(1);
    }
  }
}
