package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a subscription holds in memory is bounded by pages, not by how far it is behind. */
@ExtendWith(PostgresExtension.class)
class LongReplayTest {

  @Test
  @Tag("soak")
  void a_slow_handler_replays_a_million_events_in_a_small_heap(Database database) throws Exception {
    int events = Integer.getInteger("events", 1_000_000);
    // More than the heap, if they were all held.
    String data = "{\"filler\":\"" + "x".repeat(400) + "\"}";
    try (LedgerScene scene = LedgerScene.withoutKeys(database)) {
      scene
          .store
          .store
          .importer()
          .named("long")
          .batch(5_000)
          .run(
              IntStream.range(0, events)
                  .mapToObj(
                      i ->
                          ImportedEvent.of(
                              StreamId.of(Ledger.CATEGORY, "s" + i % 500),
                              EncodedEvent.of("happened", 1, data))));
      Position last =
          Position.of(
              Long.parseLong(scene.store.query("select max(position) from eventstore.events")));
      long began = System.nanoTime();
      SubscriptionNode node =
          scene.process(
              NodeSettings.of("small")
                  .withPartitions(2)
                  .withBatch(500)
                  .thatDawdles(10_000)
                  .withHeap(128));
      scene.awaitHandled(last, java.time.Duration.ofMinutes(10));
      System.out.printf(
          "%d events in %d ms, heap %s%n",
          events, (System.nanoTime() - began) / 1_000_000, node.status().get("heap"));
      assertThat(node.isRunning()).isTrue();
      assertThat(scene.handledBy("small")).isEqualTo(events);
      scene.check(2);
    }
  }
}
