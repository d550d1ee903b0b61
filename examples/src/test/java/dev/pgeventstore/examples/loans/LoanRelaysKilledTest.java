package dev.pgeventstore.examples.loans;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two relays share one lane while the log is imported. A relay is killed only after one of the
 * running ones has published something: killing processes that have only started would prove
 * nothing.
 */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Tag("faults")
class LoanRelaysKilledTest {

  private static final int MOST_KILLS = 5;
  private static final Duration PATIENCE = Duration.ofMinutes(5);

  @TempDir Path folder;

  private final List<LoanRelayProcess> relays = new ArrayList<>();

  @Test
  void two_relays_killed_at_random_during_the_import_publish_each_event_once_and_in_order(
      Database database, KafkaBroker broker) throws Exception {
    Path file = LoanFile.orSkip();
    String name = "loans-" + UUID.randomUUID();
    LoanTopic topic = new LoanTopic(broker.bootstrap(), name);
    topic.create();
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    FutureTask<Position> importing = new FutureTask<>(() -> importFile(file, database));
    new Thread(importing, "import").start();

    int kills = 0;
    while (true) {
      while (relays.size() < 2) {
        relays.add(new LoanRelayProcess(folder, database.url(), broker.bootstrap(), name));
      }
      boolean mayKill = kills < MOST_KILLS;
      await().atMost(PATIENCE).until(() -> isDone(importing) || (mayKill && leader() >= 0));
      if (isDone(importing)) {
        break;
      }
      // Chooses a random moment of a transaction; this is not a wait for something.
      Thread.sleep(random.nextInt(500));
      relays.remove(random.nextInt(4) == 0 ? 1 - leader() : leader()).kill();
      kills++;
    }
    System.out.printf("%d relays were killed, seed %d%n", kills, seed);
    assertThat(kills).isGreaterThan(1);
    assertThat(topic.verify()).isEqualTo(new LoanTopic.Content(262_200, 13_087));
    try (HikariDataSource pool = Pools.of(database.url(), 5);
        EventStore store =
            PostgresEventStore.builder(pool).codec(JacksonCodec.of(EventTypes.none())).build()) {
      assertThat(topic.compare(store).records()).isEqualTo(262_200);
    }
  }

  /** The relay whose process has published something; -1 if none has. */
  private int leader() {
    for (int i = 0; i < relays.size(); i++) {
      if (relays.get(i).sent().events() > 0) {
        return i;
      }
    }
    return -1;
  }

  private boolean isDone(FutureTask<Position> importing) throws Exception {
    if (!importing.isDone()) {
      return false;
    }
    long last = importing.get().value();
    return relays.stream().anyMatch(relay -> relay.sent().position() >= last);
  }

  private static Position importFile(Path file, Database database) throws Exception {
    return new LoanRun(database.url(), null, line -> {}).run(file).upTo();
  }

  @AfterEach
  void killAll() {
    relays.forEach(LoanRelayProcess::kill);
  }
}
