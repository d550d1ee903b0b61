package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Blocker;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The status reports everything that prevents a subscription from continuing. */
@ExtendWith(PostgresExtension.class)
class SubscriptionHealthTest {

  private static final Duration PATIENCE = LedgerScene.PATIENCE;
  private static final NodeSettings ONE = NodeSettings.of("one").withPartitions(2);

  @Test
  void a_mark_that_is_held_back_is_unhealthy_and_the_blocking_transaction_is_named(
      Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      LocalNode one = scene.local(ONE);
      scene.awaitHandled(scene.append("before"));
      try (Connection stranger = scene.store.begin()) {
        TestStore.execute(stranger, "set application_name = 'a stranger'");
        scene.store.append("stranger-1", stranger);
        AppendResult behind = scene.append("behind");
        SubscriptionStatus status = awaitComplaint(one);

        assertThat(status.blockers()).hasSize(1);
        Blocker blocker = status.blockers().get(0);
        assertThat(blocker.pid())
            .hasValue(Integer.parseInt(TestStore.query(stranger, "select pg_backend_pid()")));
        assertThat(blocker.application()).isEqualTo("a stranger");
        assertThat(blocker.prepared()).isEmpty();
        assertThat(blocker.age()).isPositive();
        assertThat(blocker.state()).isEqualTo("idle in transaction");
        assertThat(status.position()).isLessThan(behind.position());

        stranger.rollback();
        scene.awaitHandled(behind);
        awaitHealth(one);
        assertThat(one.subscription.status().blockers()).isEmpty();
      }
      scene.check(2);
    }
  }

  @Test
  void a_mark_that_is_held_back_without_a_lag_is_unhealthy_too(Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      LocalNode one = scene.local(ONE);
      scene.awaitHandled(scene.append("before"));
      try (Connection stranger = scene.store.begin()) {
        scene.store.append("stranger-1", stranger);
        SubscriptionStatus status = awaitComplaint(one);
        assertThat(status.lag()).isZero();
        assertThat(status.blockers()).hasSize(1);
        stranger.commit();
      }
      awaitHealth(one);
      scene.check(2);
    }
  }

  @Test
  void a_prepared_transaction_that_is_never_ended_is_named(Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      LocalNode one = scene.local(ONE);
      try (Connection stranger = scene.store.begin()) {
        scene.store.append("stranger-1", stranger);
        TestStore.execute(stranger, "prepare transaction 'forgotten'");
      }
      AppendResult behind = scene.append("behind");
      SubscriptionStatus status = awaitComplaint(one);
      assertThat(status.blockers()).hasSize(1);
      assertThat(status.blockers().get(0).prepared()).hasValue("forgotten");
      assertThat(status.blockers().get(0).pid()).isEmpty();

      scene.store.execute("commit prepared 'forgotten'");
      scene.awaitHandled(behind);
      awaitHealth(one);
      scene.check(2);
    }
  }

  @Test
  void a_handler_that_does_not_return_is_unhealthy(Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      AppendResult held = scene.append("s1", Ledger.HELD_BEFORE);
      LocalNode one = scene.local(ONE);
      SubscriptionStatus status = awaitComplaint(one);
      assertThat(status.lag()).isPositive();
      one.ledger.letGo();
      scene.awaitHandled(held);
      awaitHealth(one);
      scene.check(2);
    }
  }

  private static SubscriptionStatus awaitComplaint(LocalNode node) {
    await().atMost(PATIENCE).until(() -> !node.subscription.status().isHealthy());
    SubscriptionStatus status = node.subscription.status();
    assertThat(status.complaint()).isPresent();
    System.out.println("complaint: " + status.complaint().orElseThrow());
    return status;
  }

  private static void awaitHealth(LocalNode node) {
    await().atMost(PATIENCE).until(() -> node.subscription.status().isHealthy());
  }
}
