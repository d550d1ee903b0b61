package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A relay that ends without a word, at each moment of a transaction there is. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Tag("faults")
class RelayKillPointsTest {

  private static final int EVENTS = 300;

  @TempDir private Path folder;

  @ParameterizedTest
  @EnumSource
  void after_a_kill_at_any_moment_of_a_transaction_the_successor_loses_and_repeats_nothing(
      Moment moment, Database database, KafkaBroker broker) throws Exception {
    try (Bench bench = new Bench(database, broker)) {
      bench.appendBacklog(EVENTS, 1_000);
      try (RelayProcess relay = new RelayProcess(bench, folder, "warn", Probe.halt(moment))) {
        if (moment == Moment.COMMITTED) {
          await().atMost(Bench.PATIENCE).until(() -> !bench.consumed().isEmpty());
          // The next transaction.
          bench.append("order-1", 1);
        }
        assertThat(relay.awaitExit()).isEqualTo(Probe.HALTED);
      }
      assertThat(bench.uncommitted().isEmpty()).isEqualTo(moment == Moment.BEGUN);
      assertThat(bench.consumed().isEmpty()).isEqualTo(moment != Moment.COMMITTED);

      try (KafkaRelay successor = bench.relay().start()) {
        successor.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
      }
      bench.check();
    }
  }

  static List<Arguments> shapesAndMoments() {
    Shape lanes = new Shape(Delivery.EXACTLY_ONCE, 3);
    return List.of(
        Arguments.of(lanes, Moment.HALF_SENT),
        Arguments.of(lanes, Moment.BEFORE_COMMIT),
        Arguments.of(new Shape(Delivery.AT_LEAST_ONCE, 1), Moment.HALF_SENT),
        Arguments.of(new Shape(Delivery.AT_LEAST_ONCE, 2), Moment.HALF_SENT));
  }

  @ParameterizedTest
  @MethodSource("shapesAndMoments")
  void so_it_is_with_several_lanes_and_for_readers_of_what_is_sent_at_least_once(
      Shape shape, Moment moment, Database database, KafkaBroker broker) throws Exception {
    try (Bench bench = new Bench(database, broker, shape)) {
      bench.appendBacklog(EVENTS, 1_000);
      try (RelayProcess relay = new RelayProcess(bench, folder, "warn", Probe.halt(moment))) {
        assertThat(relay.awaitExit()).isEqualTo(Probe.HALTED);
      }
      assertThat(bench.uncommitted()).isNotEmpty();

      try (KafkaRelay successor = bench.relay().start()) {
        successor.awaitPublished(bench.append("order-1", 1).position(), Bench.PATIENCE);
      }
      bench.check();
    }
  }

  /** It cannot note anything while its notes are locked, and sends on. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void at_least_once_what_was_acknowledged_and_not_noted_is_repeated_and_dropped_by_its_marks(
      int lanes, Database database, KafkaBroker broker) throws Exception {
    int events = 1;
    try (Bench bench = new Bench(database, broker, new Shape(Delivery.AT_LEAST_ONCE, lanes))) {
      try (KafkaRelay relay = bench.relay().start()) {
        relay.awaitPublished(bench.append("order-1", 1).position(), Bench.PATIENCE);
      }
      try (RelayProcess relay = new RelayProcess(bench, folder);
          Connection holder = database.open();
          Statement hold = holder.createStatement()) {
        await("the relay leads").atMost(Bench.PATIENCE).until(relay::isLeading);
        holder.setAutoCommit(false);
        // A note that is under way when the lock comes waits for it, and the relay for that note.
        do {
          holder.rollback();
          int all = events;
          await("it has caught up")
              .atMost(Bench.PATIENCE)
              .until(() -> bench.uncommitted().size() >= all);
          hold.execute("select from eventstore.lease_notes where key = 'position' for update");
          bench.appendBacklog(EVENTS, 1_000);
          events += EVENTS;
        } while (!sendsOn(bench, events - EVENTS));
        relay.killHard();
        endThoseWhoWait(database);
        holder.rollback();
      }
      try (KafkaRelay successor = bench.relay().start()) {
        successor.awaitPublished(bench.append("order-1", 1).position(), Bench.PATIENCE);
      }
      assertThat(bench.uncommitted()).as("some of it twice").hasSizeGreaterThan(events + 1);
      bench.check();
    }
  }

  private static boolean sendsOn(Bench bench, int sent) throws InterruptedException {
    for (int i = 0; i < 100; i++) {
      if (bench.uncommitted().size() > sent) {
        return true;
      }
      Thread.sleep(100);
    }
    return false;
  }

  /** The server would carry out what a client that is gone has asked for. */
  private static void endThoseWhoWait(Database database) throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement()) {
      await()
          .atMost(Bench.PATIENCE)
          .until(
              () -> {
                try (ResultSet waiting =
                    statement.executeQuery(
                        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")) {
                  return !waiting.next();
                }
              });
    }
  }
}
