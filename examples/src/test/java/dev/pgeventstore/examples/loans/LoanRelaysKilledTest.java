package dev.pgeventstore.examples.loans;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Two relays on one lane while the log is imported, each killed again and again. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class LoanRelaysKilledTest {

  @Test
  void two_relays_killed_at_random_publish_every_event_once_and_in_order(
      Database database, KafkaBroker broker) throws Exception {
    Path file = LoanFile.orSkip();
    String topic = "loans-" + UUID.randomUUID();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrap()))) {
      admin.createTopics(List.of(new NewTopic(topic, 4, (short) 1))).all().get();
    }
    long seed = Long.getLong("relays.seed", System.nanoTime() % 1_000_000_000);
    System.out.println("relays killed at random, seed " + seed);
    Random random = new Random(seed);

    ExecutorService thread = Executors.newSingleThreadExecutor();
    LoanRelayProcess[] relays = new LoanRelayProcess[2];
    int kills = 0;
    AppendResult last;
    try {
      Future<LoanRun.Result> importing =
          thread.submit(() -> new LoanRun(database.url(), null, line -> {}).run(file));
      for (int i = 0; i < relays.length; i++) {
        relays[i] = new LoanRelayProcess(database.url(), broker.bootstrap(), topic);
      }
      // At least eight, also where the import is faster than the killing.
      while (!isDone(importing, 500 + random.nextInt(3_000)) || kills < 8) {
        int chosen = random.nextInt(relays.length);
        assertThat(relays[chosen].isAlive()).as("a relay that is to be killed").isTrue();
        relays[chosen].close();
        relays[chosen] = new LoanRelayProcess(database.url(), broker.bootstrap(), topic);
        kills++;
      }
      last = importing.get().imported().last().orElseThrow();
    } finally {
      thread.shutdownNow();
      for (LoanRelayProcess relay : relays) {
        if (relay != null) {
          relay.close();
        }
      }
    }

    try (HikariDataSource pool = LoanRelayProcess.database(database.url());
        EventStore store = LoanRelayProcess.store(pool);
        KafkaRelay relay = LoanRelayProcess.relay(store, broker.bootstrap(), topic)) {
      relay.awaitPublished(last, Duration.ofMinutes(3));
    }
    System.out.println("relays killed: " + kills);
    assertThat(new LoanTopic(broker.bootstrap(), topic).verify())
        .isEqualTo(new LoanTopic.Content(262_200, 13_087));
  }

  /** Waits for the import, for as long as the relays are left alone. */
  private static boolean isDone(Future<?> importing, int millis) throws Exception {
    try {
      importing.get(millis, TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException e) {
      return false;
    }
  }
}
