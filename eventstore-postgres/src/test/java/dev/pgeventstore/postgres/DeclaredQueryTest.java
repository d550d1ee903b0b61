package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.postgres.internal.tables.LeasesTable;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Leased;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Membership;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.subscription.QueryMismatchException;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Nodes that declare the query of a subscription, the same or others. */
@ExtendWith(PostgresExtension.class)
class DeclaredQueryTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final EventQuery ORDERS = EventQuery.all().categories("order");
  private static final EventQuery BOTH = EventQuery.all().categories("order", "invoice");

  private TestStore one;
  private TestStore two;

  @BeforeEach
  void open(Database database) throws SQLException {
    one = new TestStore(database);
    two = new TestStore(database);
    one.execute("create table public.handled (position bigint primary key, node text)");
  }

  @AfterEach
  void close() {
    two.close();
    one.close();
  }

  private static Subscriptions.Builder view(TestStore node, EventQuery query) {
    return Subscriptions.of(node.store)
        .create("view")
        .query(query)
        .handler(batch -> write("", batch.events(), batch.connection()));
  }

  private static void write(String node, List<RecordedEvent> events, Connection connection)
      throws SQLException {
    try (PreparedStatement insert =
        connection.prepareStatement("insert into public.handled (position, node) values (?, ?)")) {
      for (RecordedEvent event : events) {
        insert.setLong(1, event.position().value());
        insert.setString(2, node);
        insert.executeUpdate();
      }
    }
  }

  private List<String> handled() throws SQLException {
    String streams =
        one.query(
            "select coalesce(string_agg(e.stream_id, ' ' order by e.position), '')"
                + " from public.handled as h join eventstore.events as e using (position)");
    return List.of(streams.split(" "));
  }

  private String rows() throws SQLException {
    return one.query(
        "select string_agg(s.name || s.partition || s.partitions || s.epoch || s.owner"
            + " || coalesce(s.next_partitions, 0) || s.query, ' ' order by s.partition)"
            + " from eventstore.subscriptions as s");
  }

  @Test
  void a_node_with_another_query_does_not_join_and_stops_no_other_node() throws Exception {
    try (Subscription orders = view(one, ORDERS).start()) {
      orders.awaitApplied(one.append("order-1"), PATIENCE);
      String before = rows();

      QueryMismatchException refused =
          catchThrowableOfType(
              QueryMismatchException.class,
              () -> view(two, EventQuery.all().categories("invoice")).partitions(3).start());

      assertThat(refused)
          .hasMessageContaining("category in ('order')")
          .hasMessageContaining("category in ('invoice')")
          .hasMessageContaining("replacing");
      assertThat(refused.declared()).isEqualTo(ORDERS.canonicalText());
      assertThat(refused.refused()).isEqualTo("category in ('invoice')");
      assertThat(rows()).isEqualTo(before);
      assertThat(one.query("select count(*) from eventstore.subscription_members")).isEqualTo("1");
      one.append("invoice-1");
      orders.awaitApplied(one.append("order-2"), PATIENCE);
      assertThat(orders.status().isHealthy()).isTrue();
      assertThat(handled()).containsExactly("order-1", "order-2");
    }
  }

  @Test
  void the_same_query_in_another_order_joins() throws Exception {
    EventQuery either = ORDERS.or(EventQuery.all().types("paid", "sent"));
    EventQuery same = EventQuery.all().types("sent", "paid", "sent").or(ORDERS);
    try (Subscription first = view(one, either).partitions(2).start();
        Subscription second = view(two, same).partitions(2).start()) {
      await()
          .atMost(PATIENCE)
          .until(
              () ->
                  first.status().partitions().stream()
                          .flatMap(partition -> partition.owner().stream())
                          .distinct()
                          .count()
                      == 2);
      assertThat(second.status().error()).isEmpty();
    }
  }

  @Test
  void a_query_that_is_replaced_counts_from_the_checkpoint_on_and_its_nodes_commit_nothing_more()
      throws Exception {
    CountDownLatch holding = new CountDownLatch(1);
    CountDownLatch replaced = new CountDownLatch(1);
    try (Subscription old =
        view(one, ORDERS)
            .handler(
                batch -> {
                  write("old", batch.events(), batch.connection());
                  if (batch.events().stream()
                      .anyMatch(e -> e.stream().toString().equals("order-held"))) {
                    holding.countDown();
                    assertThat(replaced.await(30, TimeUnit.SECONDS)).isTrue();
                  }
                })
            .start()) {
      one.append("invoice-before");
      old.awaitApplied(one.append("order-1"), PATIENCE);
      one.append("order-held");
      assertThat(holding.await(30, TimeUnit.SECONDS)).isTrue();
      one.append("invoice-after");

      Callable<Subscription> start = () -> view(two, BOTH).replacing(ORDERS).start();
      ExecutorService thread = Executors.newSingleThreadExecutor();
      try (Subscription renewed = thread.submit(start).get(30, TimeUnit.SECONDS)) {
        await().atMost(PATIENCE).until(() -> old.status().error().isPresent());
        // The row that the old node has written is locked until it fails.
        replaced.countDown();
        renewed.awaitApplied(one.append("order-2"), PATIENCE);

        await().atMost(PATIENCE).until(() -> old.status().state() == State.FAILED);
        assertThat(old.status().error().orElseThrow())
            .isInstanceOf(QueryMismatchException.class)
            .hasMessageContaining(BOTH.canonicalText())
            .hasMessageContaining(ORDERS.canonicalText());
        assertThatThrownBy(() -> old.awaitApplied(one.append("order-3"), PATIENCE))
            .isInstanceOf(IllegalStateException.class)
            .hasCauseInstanceOf(QueryMismatchException.class);
        assertThat(one.query("select count(*) from public.handled where node = 'old'"))
            .isEqualTo("1");
        assertThat(renewed.status().isHealthy()).isTrue();
        assertThatThrownBy(() -> view(one, ORDERS).start())
            .isInstanceOf(QueryMismatchException.class);
        view(one, BOTH).replacing(ORDERS).start().close();
        assertThat(renewed.status().state()).isEqualTo(State.RUNNING);
      } finally {
        thread.shutdownNow();
      }
    }
    assertThat(handled()).contains("order-1", "order-held", "invoice-after", "order-2");
    assertThat(handled()).doesNotContain("invoice-before");
  }

  @Test
  void only_the_named_query_is_replaced() throws Exception {
    view(one, ORDERS).start().close();
    assertThatThrownBy(() -> view(two, BOTH).replacing(EventQuery.all()).start())
        .isInstanceOf(QueryMismatchException.class);
    view(two, BOTH).replacing(EventQuery.all()).replacing(ORDERS).start().close();
    assertThatThrownBy(() -> view(one, ORDERS).start()).isInstanceOf(QueryMismatchException.class);
  }

  @Test
  void a_node_with_the_old_query_takes_no_lease(Database database) throws Exception {
    SubscriptionsTable table = new SubscriptionsTable(new Schema("eventstore"));
    LeasesTable leases = new LeasesTable(new Schema("eventstore"));
    Duration lease = Duration.ofMinutes(1);
    List<Membership> old = List.of(new Membership("view", lease, "old"));
    List<Membership> renewed = List.of(new Membership("view", lease, "new"));
    try (Connection first = database.open();
        Connection second = TestStore.begin(database)) {
      assertThat(table.arrange(first, "view", 2, 0, "old", List.of(), "a", lease)).isEmpty();
      leases.keep(first, "a", old);
      assertThat(table.arrange(second, "view", 2, 0, "new", List.of("old"), "c", lease)).isEmpty();

      // While the change is not committed, and when it is.
      List<Leased> meanwhile = leases.keep(first, "b", old);
      assertThat(meanwhile).extracting(Leased::owner).doesNotContain(java.util.Optional.of("b"));
      second.commit();
      assertThat(leases.keep(first, "a", old))
          .hasSize(2)
          .allMatch(leased -> leased.owner().isEmpty())
          .allMatch(leased -> leased.query().orElseThrow().equals("new"));
      leases.keep(first, "b", old);
      assertThat(one.query("select string_agg(owner, ' ') from eventstore.subscription_members"))
          .isEqualTo("c");

      assertThat(leases.keep(first, "c", renewed))
          .allMatch(leased -> leased.owner().orElseThrow().equals("c"));
    }
  }

  @Test
  void of_two_nodes_that_declare_a_subscription_at_once_one_succeeds() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      for (int i = 0; i < 10; i++) {
        String name = "view-" + i;
        CountDownLatch ready = new CountDownLatch(2);
        Future<Boolean> first = threads.submit(() -> joins(name, one, ORDERS, ready));
        Future<Boolean> second = threads.submit(() -> joins(name, two, BOTH, ready));
        assertThat(first.get(30, TimeUnit.SECONDS)).isNotEqualTo(second.get(30, TimeUnit.SECONDS));
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private static boolean joins(String name, TestStore node, EventQuery query, CountDownLatch ready)
      throws InterruptedException {
    Subscriptions.Builder builder =
        Subscriptions.of(node.store).create(name).query(query).handler(batch -> {});
    ready.countDown();
    ready.await();
    try (Subscription joined = builder.start()) {
      return joined.status().error().isEmpty();
    } catch (QueryMismatchException e) {
      return false;
    }
  }

  @Test
  void a_subscription_of_an_earlier_version_adopts_the_first_query_and_keeps_it() throws Exception {
    view(one, ORDERS).partitions(2).start().close();
    one.execute("update eventstore.subscriptions set query = null");
    try (Subscription adopted = view(two, BOTH).partitions(3).start()) {
      await().atMost(PATIENCE).until(() -> adopted.status().partitions().size() == 3);
      adopted.awaitApplied(one.append("invoice-1"), PATIENCE);
    }
    assertThatThrownBy(() -> view(one, ORDERS).start()).isInstanceOf(QueryMismatchException.class);
    assertThat(one.query("select count(*) from eventstore.subscriptions where query is not null"))
        .isEqualTo("3");
  }

  @Test
  void a_changed_query_makes_a_new_version_of_a_projection() {
    try (Projection first = projection(one, 1, ORDERS)) {
      assertThatThrownBy(() -> projection(two, 1, BOTH))
          .isInstanceOf(QueryMismatchException.class)
          .hasMessageContaining("new version")
          .hasMessageContaining("version 1 of projection visits");
      projection(two, 2, BOTH).close();
      assertThat(first.subscription().status().state()).isEqualTo(State.RUNNING);
    }
  }

  private static Projection projection(TestStore node, int version, EventQuery query) {
    return Projections.of(node.store)
        .create("visits", version)
        .query(query)
        .definition((table, batch) -> {})
        .start();
  }
}
