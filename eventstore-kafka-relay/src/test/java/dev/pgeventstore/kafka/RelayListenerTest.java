package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class RelayListenerTest {

  private Bench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  @Test
  void it_is_told_who_leads_and_what_was_committed() throws Exception {
    AppendResult last = bench.append("order-1", 5);
    Heard first = new Heard();
    Heard second = new Heard();
    try (KafkaRelay relay = bench.relay().listener(first).start()) {
      relay.awaitPublished(last, Bench.PATIENCE);
      try (KafkaRelay next = bench.relay().listener(second).start()) {
        relay.close();
        AppendResult more = bench.append("order-1", 2);
        next.awaitPublished(more, Bench.PATIENCE);
      }
    }

    assertThat(first.led).singleElement().satisfies(led -> assertThat(led.lane()).isZero());
    assertThat(first.committed)
        .extracting(RelayListener.Committed::relay)
        .containsOnly("relay-of-" + bench.topic);
    assertThat(first.committed.stream().mapToInt(RelayListener.Committed::events).sum())
        .isEqualTo(5);
    assertThat(first.committed.stream().mapToInt(RelayListener.Committed::records).sum())
        .isEqualTo(5);
    assertThat(first.committed.get(first.committed.size() - 1))
        .satisfies(
            committed -> {
              assertThat(committed.position()).isEqualTo(last.position());
              assertThat(committed.highWaterMark()).isGreaterThanOrEqualTo(last.position());
              assertThat(committed.took()).isPositive();
            });
    assertThat(first.ended).singleElement().satisfies(end -> assertThat(end.lost()).isFalse());
    assertThat(second.led)
        .singleElement()
        .satisfies(led -> assertThat(led.position()).isGreaterThanOrEqualTo(last.position()));
    assertThat(second.committed.stream().mapToInt(RelayListener.Committed::events).sum())
        .isEqualTo(2);
    assertThat(first.halted).isEmpty();
    assertThat(second.halted).isEmpty();
  }

  @Test
  void a_lead_that_an_operator_takes_is_lost() throws Exception {
    AppendResult last = bench.append("order-1", 1);
    Heard heard = new Heard();
    KafkaRelay.Builder builder = bench.relay().listener(heard);
    try (KafkaRelay relay = builder.start()) {
      relay.awaitPublished(last, Bench.PATIENCE);
      builder.operations().pause("a test");
      await().atMost(Bench.PATIENCE).until(() -> !heard.ended.isEmpty());
    }

    assertThat(heard.ended.get(0).lost()).isTrue();
  }

  @Test
  void it_is_told_what_is_parked_once_that_is_committed_and_what_halted() throws Exception {
    bench.append("order-1", 1);
    bench.append("order-13", 2);
    AppendResult last = bench.append("order-2", 1);
    CloudEvents events = CloudEvents.from("/test");
    IllegalStateException failure = new IllegalStateException("cannot map this");
    Heard heard = new Heard();
    KafkaRelay.Builder builder =
        bench
            .relay()
            .listener(heard)
            .mapper(
                event -> {
                  if (event.stream().toString().equals("order-13")) {
                    throw failure;
                  }
                  return events.map(event);
                });
    try (KafkaRelay relay = builder.onPoison(PoisonPolicy.parkStream()).start()) {
      relay.awaitPublished(last, Bench.PATIENCE);
    }

    assertThat(heard.poisoned)
        .singleElement()
        .satisfies(
            poisoned -> {
              assertThat(poisoned.decision()).isEqualTo(Decision.PARK_STREAM);
              assertThat(poisoned.poison().stream()).contains("order-13");
              assertThat(poisoned.poison().failure()).isSameAs(failure);
              assertThat(poisoned.poison().position()).isEqualTo(Position.of(2));
            });
    builder.operations().newSeries(Position.START, "a test");
    try (KafkaRelay relay = builder.onPoison(PoisonPolicy.halt()).start()) {
      await().atMost(Bench.PATIENCE).until(() -> !heard.halted.isEmpty());
    }
    assertThat(heard.halted)
        .singleElement()
        .satisfies(halted -> assertThat(halted.error()).isInstanceOf(RelayHaltedException.class));
    assertThat(heard.poisoned).hasSize(1);
  }

  @Test
  void one_that_fails_or_hangs_delays_nothing() throws Exception {
    CountDownLatch goOn = new CountDownLatch(1);
    Heard failing =
        new Heard() {
          @Override
          public void committed(Committed transaction) {
            super.committed(transaction);
            throw new AssertionError("on purpose");
          }
        };
    RelayListener hanging =
        new RelayListener() {
          @Override
          public void led(Led lane) {
            try {
              goOn.await();
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            }
          }
        };
    try (KafkaRelay relay = bench.relay().listener(failing).start()) {
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
    }
    assertThat(failing.committed).hasSizeGreaterThanOrEqualTo(2);
    try (KafkaRelay relay = bench.relay().listener(hanging).start()) {
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
      assertThat(relay.status().isHealthy()).isTrue();
    } finally {
      goOn.countDown();
    }
  }

  @Test
  void what_is_told_to_one_that_hangs_is_left_out_beyond_10_000_calls_and_that_is_logged(
      @TempDir Path folder) {
    for (int i = 0; i < 21; i++) {
      bench.append("sick-1", 500);
    }
    Position last = bench.append("order-1", 1).position();
    try (ChildJvm relay =
        new ChildJvm(
            folder,
            HangingListenerMain.class,
            bench.database.url(),
            bench.topic,
            bench.broker.bootstrap(),
            last.toString())) {
      await().atMost(Bench.PATIENCE).until(() -> relay.said("published, heard 0"));
      assertThat(bench.consumed()).hasSize(2);
      await().atMost(Bench.PATIENCE).until(() -> relay.output().contains("has caught up: "));
      assertThat(relay.output())
          .containsOnlyOnce(
              "The listener of relay relay-of-%s is 10000 calls behind: some are left out"
                  .formatted(bench.topic))
          .containsPattern("has caught up: 5[0-9][0-9] calls were left out");
      // The last commit may be told when the listener goes on already.
      await().atMost(Bench.PATIENCE).until(() -> heard(relay) >= 10_000);
      assertThat(heard(relay)).isLessThanOrEqualTo(10_001);

      // A decision and a commit: it is told everything again.
      bench.append("sick-1", 1);
      await().atMost(Bench.PATIENCE).until(() -> heard(relay) >= 10_002);
    }
  }

  private static long heard(ChildJvm relay) {
    return relay
        .output()
        .lines()
        .filter(line -> line.startsWith("heard "))
        .mapToLong(line -> Long.parseLong(line.substring("heard ".length())))
        .max()
        .orElse(0);
  }

  @Test
  void it_may_close_the_relay() throws Exception {
    AtomicReference<KafkaRelay> relay = new AtomicReference<>();
    CountDownLatch started = new CountDownLatch(1);
    RelayListener closing =
        new RelayListener() {
          @Override
          public void committed(Committed transaction) {
            try {
              started.await();
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            }
            relay.get().close();
          }
        };
    bench.append("order-1", 1);
    relay.set(bench.relay().listener(closing).start());
    started.countDown();
    await()
        .atMost(Bench.PATIENCE)
        .until(() -> relay.get().status().state() == RelayStatus.State.STOPPED);
    relay.get().close();
  }

  @Test
  void a_lease_time_that_overflows_is_as_good_as_for_ever() throws Exception {
    KafkaRelay.Builder builder =
        bench
            .relay()
            .leaseTtl(Duration.ofSeconds(Long.MAX_VALUE))
            .unhealthyAfter(Duration.ofSeconds(Long.MAX_VALUE));
    try (KafkaRelay relay = builder.start()) {
      relay.awaitPublished(bench.append("order-1", 1), Duration.ofSeconds(Long.MAX_VALUE));
      builder.operations().pause("a test");
      builder.operations().resume();
    }
  }

  private static class Heard implements RelayListener {
    final List<Led> led = new CopyOnWriteArrayList<>();
    final List<LeadEnded> ended = new CopyOnWriteArrayList<>();
    final List<Committed> committed = new CopyOnWriteArrayList<>();
    final List<Poisoned> poisoned = new CopyOnWriteArrayList<>();
    final List<Halted> halted = new CopyOnWriteArrayList<>();

    @Override
    public void led(Led lane) {
      led.add(lane);
    }

    @Override
    public void leadEnded(LeadEnded lane) {
      ended.add(lane);
    }

    @Override
    public void committed(Committed transaction) {
      committed.add(transaction);
    }

    @Override
    public void poisoned(Poisoned poison) {
      poisoned.add(poison);
    }

    @Override
    public void halted(Halted halt) {
      halted.add(halt);
    }
  }
}
