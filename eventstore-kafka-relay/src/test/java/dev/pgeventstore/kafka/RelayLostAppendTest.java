package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.AppendLostException;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Waiting until an append is published, over a crash and a restart of the database. */
@ExtendWith(KafkaExtension.class)
@Tag("faults")
@Order(1)
class RelayLostAppendTest {

  // Nothing is flushed by itself for as long as can be, so that a crash loses commits for certain.
  private static final Map<String, String> LAZY =
      Map.of("wal_writer_delay", "10000", "autovacuum", "off");

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void what_a_crash_has_lost_is_told_as_lost_and_a_clean_restart_loses_nothing(
      Shape shape, KafkaBroker broker) throws Exception {
    try (PostgresServer server = PostgresServer.start(LAZY)) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (Bench bench = new Bench(server.createDatabase(), broker, shape)) {
        AppendResult kept = bench.append("kept-1", 2);
        try (KafkaRelay relay = bench.relay().start()) {
          relay.awaitPublished(kept, Bench.PATIENCE);
        }

        AppendResult lost = lose(server, bench);
        AppendResult next = appendBeyond(lost, bench);
        assertThat(bench.stored())
            .as("another event has the position of the lost append")
            .anyMatch(event -> event.position().equals(lost.position()))
            .extracting(RecordedEvent::stream)
            .doesNotContainAnyElementsOf(lost.versions().keySet());

        try (KafkaRelay relay = bench.relay().start()) {
          relay.awaitPublished(next, Bench.PATIENCE);
          relay.awaitPublished(lost.position(), Bench.PATIENCE);
          assertThatThrownBy(() -> relay.awaitPublished(lost, Bench.PATIENCE))
              .isInstanceOf(AppendLostException.class)
              .hasMessageContaining("decide again");
          relay.awaitPublished(kept, Bench.PATIENCE);

          AppendResult before = bench.append("kept-1", 2);
          server.restart();
          relay.awaitPublished(before, Bench.PATIENCE);
          relay.awaitPublished(kept, Bench.PATIENCE);
        }
        bench.check();
      }
    }
  }

  /**
   * An append that is committed, and does not come to the disk. No relay runs that may flush it.
   */
  private static AppendResult lose(PostgresServer server, Bench bench) throws SQLException {
    // A checkpoint or a commit of the server's own may bring it there all the same.
    for (int attempt = 0; attempt < 5; attempt++) {
      String stream = "lost-" + attempt;
      AppendResult lost;
      try (Connection careless = bench.database.open();
          Statement statement = careless.createStatement()) {
        statement.execute("set synchronous_commit = off");
        careless.setAutoCommit(false);
        // More than a sequence writes to the log at once: these positions are drawn again.
        lost = bench.append(bench.store.within(careless), stream, 80);
        careless.commit();
      }
      server.killHard();
      server.restart();
      if (await()
          .atMost(Bench.PATIENCE)
          .ignoreExceptions()
          .until(bench::stored, Objects::nonNull)
          .stream()
          .noneMatch(event -> event.stream().toString().equals(stream))) {
        return lost;
      }
    }
    throw new AssertionError("the append came to the disk, five times");
  }

  private static AppendResult appendBeyond(AppendResult lost, Bench bench) {
    AppendResult next;
    do {
      next = bench.append("next-1", 20);
    } while (!next.position().isAfter(lost.position()));
    return next;
  }
}
