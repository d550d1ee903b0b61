package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The number of partitions is changed while everything goes on. */
@ExtendWith(PostgresExtension.class)
class SubscriptionPartitionsTest {

  private static final NodeSettings ONE =
      NodeSettings.of("one").thatParksAfter(2).withBatch(7).thatDawdles(4_000);

  @Test
  void order_and_exactly_once_outlive_changes_of_the_number_of_partitions(Database database)
      throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      scene.append("sick", Ledger.POISON);
      // So that the partitions stand at different places when they are stopped.
      scene.appendBacklog(40, 50);
      LedgerScene.Load load = scene.load(40);
      LocalNode one = scene.local(ONE.withPartitions(4));
      LocalNode two = scene.local(ONE.named("two").withPartitions(4));
      scene.awaitHandledBy("one", 20);
      scene.awaitHandledBy("two", 20);

      // The other one runs with the old number, and takes the new one over.
      one.close();
      LocalNode oneOfThree = scene.local(ONE.withPartitions(3));
      awaitPartitions(two, 3);
      scene.awaitHandledBy("one", 20);
      scene.awaitHandledBy("two", 20);
      scene.append("sick");

      two.close();
      LocalNode twoOfEight = scene.local(ONE.named("two").withPartitions(8));
      awaitPartitions(oneOfThree, 8);
      scene.awaitHandledBy("one", 20);
      scene.awaitHandledBy("two", 20);

      oneOfThree.close();
      LocalNode alone = scene.local(ONE.withPartitions(1));
      awaitPartitions(twoOfEight, 1);
      awaitPartitions(alone, 1);

      scene.append("sick");
      scene.awaitHandled(load.stop());
      scene.awaitHandled(scene.append("end"));
      scene.check(0);
      assertThat(scene.parked()).isEqualTo(3);
      Ledger.cure(database, "*");
      assertThat(alone.replay()).isEqualTo("3 0");
      scene.check(0);
      assertThat(alone.subscription.status().state()).isIn(State.RUNNING, State.WAITING);
    }
  }

  @Test
  void a_node_that_is_killed_while_the_partitions_wait_at_the_barrier_holds_nothing_up_for_long(
      Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      AppendResult held = scene.append("s1", Ledger.HELD_AFTER);
      scene.appendMany(60, 20);
      SubscriptionNode dying = scene.process(ONE.withPartitions(2));
      dying.awaitLine("HOLDING " + held.position());
      LocalNode two = scene.local(ONE.named("two").withPartitions(5));
      two.ledger.letGo();
      scene.appendMany(60, 20);
      // Held up by the one that does not come to the barrier.
      assertThat(two.subscription.status().partitions()).hasSize(2);
      dying.kill();
      awaitPartitions(two, 5);
      scene.awaitHandled(scene.appendMany(60, 20));
      scene.check(0);
    }
  }

  private static void awaitPartitions(LocalNode node, int number) {
    await()
        .atMost(LedgerScene.PATIENCE)
        .untilAsserted(() -> assertThat(node.subscription.status().partitions()).hasSize(number));
  }
}
