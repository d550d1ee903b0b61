package dev.pgeventstore.kafka;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.OwnBroker;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Whatever happens, in whatever order: readers find every event once and in order. */
@ExtendWith(KafkaExtension.class)
@OwnBroker
@Tag("faults")
class RelaySoakTest {

  @TempDir private Path folder;

  @Test
  void a_few_random_faults_lose_repeat_and_reorder_nothing(KafkaBroker broker) throws Exception {
    withFaults(broker, System.nanoTime(), 4, Shape.USUAL);
  }

  @Test
  @Tag("soak")
  void many_random_faults_lose_repeat_and_reorder_nothing(KafkaBroker broker) throws Exception {
    List<Shape> shapes =
        List.of(
            Shape.USUAL, new Shape(Delivery.EXACTLY_ONCE, 3), new Shape(Delivery.AT_LEAST_ONCE, 2));
    for (int round = 0; round < 10; round++) {
      withFaults(broker, System.nanoTime(), 25, shapes.get(round % shapes.size()));
    }
  }

  private void withFaults(KafkaBroker broker, long seed, int count, Shape shape) throws Exception {
    assumeTrue(broker.canBeKilled(), "needs a broker that was started here");
    // To have the same again, put it here.
    System.out.println("seed " + seed + ", " + shape);
    Random random = new Random(seed);
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (Bench bench = new Bench(server.createDatabase(), broker, shape)) {
        Load load = Load.undeterred(bench);
        try (RandomFaults faults = new RandomFaults(bench, server, random, folder)) {
          for (int fault = 0; fault < count; fault++) {
            String what = faults.happen();
            System.out.println("seed " + seed + ": " + what);
            // At any moment: this chooses it, nothing is waited for.
            Thread.sleep(random.nextInt(1_000));
          }
        }
        try (KafkaRelay last = bench.relay().start()) {
          last.awaitPublished(load.stop().position(), Bench.PATIENCE.multipliedBy(2));
        }
        bench.check();
      }
    } finally {
      await().atMost(Bench.PATIENCE).ignoreExceptions().until(() -> isBack(broker));
    }
  }

  private static boolean isBack(KafkaBroker broker) {
    broker.proxy().restore();
    broker.resume();
    return true;
  }
}
