package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What operators do, to a relay that is at work. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
class RelayOperationsTest {

  private Bench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  /** At least once the position is noted a little later, and what is not noted is repeated. */
  private static void awaitNoted(KafkaRelay relay, RelayOperations operations, AppendResult append)
      throws Exception {
    relay.awaitPublished(append, Bench.PATIENCE);
    await().atMost(Bench.PATIENCE).until(() -> !append.position().isAfter(operations.position()));
  }

  private KafkaRelay.Builder relay(Delivery delivery) {
    return bench.relay().delivery(delivery);
  }

  @ParameterizedTest
  @EnumSource
  void a_paused_relay_sends_nothing_until_it_is_resumed(Delivery delivery) throws Exception {
    RelayOperations operations = relay(delivery).operations();
    try (KafkaRelay relay = relay(delivery).unhealthyAfter(Duration.ofMillis(300)).start()) {
      awaitNoted(relay, operations, bench.append("order-1", 1));
      operations.pause("a test");
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.PAUSED);
      AppendResult waiting = bench.append("order-1", 1);
      assertThatThrownBy(() -> relay.awaitPublished(waiting, Duration.ofSeconds(1)))
          .isInstanceOf(TimeoutException.class)
          .hasMessageContaining("is not published after PT1S");
      assertThat(relay.status().reason()).contains("a test");
      assertThat(relay.status().toString()).containsOnlyOnce("a test");
      await().atMost(Bench.PATIENCE).until(() -> !relay.status().isHealthy());
      assertThat(relay.status().complaint().orElseThrow()).contains("a test");

      operations.resume();
      relay.awaitPublished(waiting, Bench.PATIENCE);
      assertThat(relay.status().isHealthy()).isTrue();
    }
    ExactSequence.check(bench.stored(), bench.consumed());
    assertThat(operations.audit(0).values()).containsExactly("pause: a test", "resume");
  }

  @Test
  void a_pause_holds_in_every_process_that_takes_over() throws Exception {
    relay(Delivery.EXACTLY_ONCE).operations().pause("before the first start");
    try (KafkaRelay relay = relay(Delivery.EXACTLY_ONCE).start()) {
      AppendResult waiting = bench.append("order-1", 1);
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.PAUSED);
      assertThat(bench.consumed()).isEmpty();
      relay(Delivery.EXACTLY_ONCE).operations().resume();
      relay.awaitPublished(waiting, Bench.PATIENCE);
    }
    ExactSequence.check(bench.stored(), bench.consumed());
  }

  @ParameterizedTest
  @EnumSource
  void draining_publishes_what_is_there_and_pauses(Delivery delivery) throws Exception {
    RelayOperations operations = relay(delivery).operations();
    bench.appendBacklog(5_000, 200);
    Position mark = bench.store.highWaterMark();
    try (KafkaRelay relay = relay(delivery).start()) {
      Position drained = operations.drain(Bench.PATIENCE, "a test");
      assertThat(mark.isAfter(drained)).isFalse();
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.PAUSED);
      assertThat(relay.status().lag()).isZero();
    }
    ExactSequence.check(bench.stored(), bench.consumed());

    bench.append("order-1", 1);
    assertThatThrownBy(() -> operations.drain(Duration.ofMillis(300), "nobody runs"))
        .isInstanceOf(TimeoutException.class);
  }

  @ParameterizedTest
  @EnumSource
  void what_is_rewound_is_published_again_and_nothing_is_left_out(Delivery delivery)
      throws Exception {
    RelayOperations operations = relay(delivery).operations();
    try (KafkaRelay relay = relay(delivery).start()) {
      awaitNoted(relay, operations, bench.append("order-1", 5));
      operations.rewindTo(Position.of(3), "a test");
      await().atMost(Bench.PATIENCE).until(() -> bench.consumed().size() == 7);
      AppendResult next = bench.append("order-1", 1);
      relay.awaitPublished(next, Bench.PATIENCE);
    }
    assertThat(bench.consumed())
        .extracting(record -> header(record, "es_prev") + " " + header(record, "es_position"))
        .containsExactly("0:0 1", "1:0 2", "2:0 3", "3:0 4", "4:0 5", "0:0 4", "4:0 5", "5:0 6");
    assertThatThrownBy(() -> operations.rewindTo(Position.of(1_000_000), "too far"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_topic_that_is_deleted_while_the_relay_runs_halts_it_and_a_new_series_goes_on()
      throws Exception {
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 3), Bench.PATIENCE);
      deleteTopic();
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
      assertThat(relay.status().reason().orElseThrow()).contains("does not exist any more");
    }
    await()
        .atMost(Bench.PATIENCE)
        .ignoreExceptions()
        .untilAsserted(() -> bench.createTopic(bench.topic, 5));
    bench.append("order-2", 1);
    try (KafkaRelay relay = bench.relay().start()) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
      assertThat(relay.status().reason().orElseThrow()).contains("created anew");
    }

    bench.relay().operations().newSeries(Position.of(2), "the topic was lost");
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-2", 1), Bench.PATIENCE);
    }
    List<ConsumerRecord<byte[], byte[]>> consumed = bench.consumed();
    assertThat(consumed)
        .extracting(record -> new String(record.key(), UTF_8) + "@" + header(record, "es_version"))
        .containsExactlyInAnyOrder("order-1@3", "order-2@1", "order-2@2");
    assertThat(consumed).allMatch(record -> header(record, "es_relay").endsWith("~2"));
  }

  private void deleteTopic() throws Exception {
    try (Admin admin = bench.admin()) {
      admin.deleteTopics(List.of(bench.topic)).all().get();
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_tombstone_stands_behind_what_was_published(Delivery delivery) throws Exception {
    try (KafkaRelay relay = relay(delivery).start()) {
      awaitNoted(relay, relay(delivery).operations(), bench.append("order-1", 2));
      relay(delivery).operations().publishTombstone(StreamId.parse("order-1"));
      relay(delivery).operations().publishTombstone(StreamId.parse("order-1"));
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
    }
    assertThat(bench.consumed())
        .extracting(
            record ->
                header(record, "es_prev")
                    + " "
                    + header(record, "es_position")
                    + ":"
                    + header(record, "es_index")
                    + (record.value() == null ? " none" : ""))
        .containsExactly("0:0 1:0", "1:0 2:0", "2:0 2:1 none", "2:1 2:2 none", "2:2 3:0");
  }

  @ParameterizedTest
  @EnumSource
  void what_is_sent_late_stands_behind_all_that_could_have_been_sent(Delivery delivery)
      throws Exception {
    bench.append("order-1", 3);
    Position reached;
    try (KafkaRelay relay = relay(delivery).start()) {
      awaitNoted(relay, relay(delivery).operations(), bench.append("order-1", 1));
      reached = relay.status().position();
    }
    // As if a relay had sent this, and had not come to noting it.
    bench.append("order-1", 5);
    relay(delivery).operations().publishTombstone(StreamId.parse("order-1"));
    assertThat(bench.consumed())
        .last()
        .satisfies(
            record -> {
              assertThat(record.value()).isNull();
              assertThat(header(record, "es_position"))
                  .isEqualTo(Long.toString(reached.value() + 5));
            });
    assertThat(bench.consumed()).hasSize(10);
  }

  @Test
  void a_rolled_back_append_at_the_end_does_not_keep_it_from_being_drained() throws Exception {
    try (KafkaRelay relay = relay(Delivery.EXACTLY_ONCE).start()) {
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
      try (var connection = bench.database.open()) {
        connection.setAutoCommit(false);
        bench
            .store
            .within(connection)
            .append(
                StreamId.parse("order-2"),
                ExpectedVersion.any(),
                List.of(EncodedEvent.of("Happened", 1, "{}")));
        connection.rollback();
      }
      assertThat(bench.store.highWaterMark()).isEqualTo(Position.of(2));
      assertThat(relay(Delivery.EXACTLY_ONCE).operations().drain(Bench.PATIENCE, "a test"))
          .isEqualTo(Position.of(2));
    }
  }

  @Test
  void a_history_lost_between_the_last_wanted_event_and_the_position_is_noticed() throws Exception {
    var orders = EventQuery.all().categories("order");
    try (KafkaRelay relay = relay(Delivery.EXACTLY_ONCE).query(orders).start()) {
      bench.append("order-1", 1);
      AppendResult unwanted = bench.append("mail-1", 3);
      awaitNoted(relay, relay(Delivery.EXACTLY_ONCE).operations(), unwanted);
    }
    // As after an older state was restored, and something else was appended since.
    try (var connection = bench.database.open();
        var statement = connection.createStatement()) {
      statement.execute("set session_replication_role = replica");
      statement.execute(
          "update eventstore.events set id = gen_random_uuid() where stream_id = 'mail-1'");
    }
    try (KafkaRelay relay = relay(Delivery.EXACTLY_ONCE).query(orders).start()) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
      assertThat(relay.status().reason().orElseThrow()).contains("history is not the one");
    }
  }
}
