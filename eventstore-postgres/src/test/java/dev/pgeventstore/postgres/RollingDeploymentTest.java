package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.UndecodableEventException;
import dev.pgeventstore.UnknownEventTypeException;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.internal.tables.CheckpointsTable;
import dev.pgeventstore.postgres.internal.tables.LeaseKey;
import dev.pgeventstore.postgres.internal.tables.LeasesTable;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Membership;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.ParkedEvents.Replay;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionListener.Failed;
import dev.pgeventstore.subscription.SubscriptionListener.LeaseTaken;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Nodes of several builds run one subscription, and not all of them can decode all events. */
@ExtendWith(PostgresExtension.class)
@Order(1)
class RollingDeploymentTest {

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Duration HOUR = Duration.ofHours(1);
  private static final Duration SHORT = Duration.ofMillis(1);

  private static final FailurePolicy PARK = FailurePolicy.retry(2).backOff(SHORT, SHORT).thenPark();

  private static final EventTypes OLD =
      EventTypes.builder().type(Placed.class, "placed", 1).build();
  private static final EventTypes NEW =
      EventTypes.builder()
          .type(Placed.class, "placed", 2)
          .type(Shipped.class, "shipped", 1)
          .build();

  private static EventCodec codec(EventTypes types) {
    JacksonCodec.Builder builder = JacksonCodec.builder(types);
    return (types == NEW ? builder.upcast("placed", 1, json -> json) : builder).build();
  }

  record Placed(String what) {}

  record Shipped(String what) {}

  private final List<AutoCloseable> open = new ArrayList<>();
  private Database database;
  private TestStore plain;

  @BeforeEach
  void open(Database empty) throws SQLException {
    database = empty;
    plain = new TestStore(database);
    plain.execute(
        "create table public.handled"
            + " (position bigint primary key, node text, number bigserial)");
  }

  @AfterEach
  void close() throws Exception {
    for (int i = open.size() - 1; i >= 0; i--) {
      open.get(i).close();
    }
    plain.close();
  }

  /** A node that knows some types. */
  private final class Node {

    final String name;
    final TestStore store;
    final AtomicInteger taken = new AtomicInteger();
    final List<Throwable> failures = new CopyOnWriteArrayList<>();

    Node(String name, EventTypes types) {
      this.name = name;
      this.store = new TestStore(database, 20, builder -> builder.codec(codec(types)));
      open.add(store);
    }

    Subscriptions.Builder view(FailurePolicy policy) {
      return Subscriptions.of(store.store)
          .create("view")
          .leaseTime(HOUR)
          .onFailure(policy)
          .listener(
              new SubscriptionListener() {
                @Override
                public void leaseTaken(LeaseTaken lease) {
                  taken.incrementAndGet();
                }

                @Override
                public void failed(Failed failure) {
                  failures.add(failure.error());
                }
              })
          .handler(batch -> handle(batch.events(), batch.connection()));
    }

    Subscription start(FailurePolicy policy) {
      return started(view(policy));
    }

    private void handle(List<RecordedEvent> events, Connection connection) throws SQLException {
      try (PreparedStatement insert =
          connection.prepareStatement(
              "insert into public.handled (position, node) values (?, ?)")) {
        for (RecordedEvent event : events) {
          assertThat(event.payload()).isNotNull();
          insert.setLong(1, event.position().value());
          insert.setString(2, name);
          insert.executeUpdate();
        }
      }
    }
  }

  private Subscription started(Subscriptions.Builder builder) {
    Subscription subscription = builder.start();
    open.add(subscription);
    return subscription;
  }

  private AppendResult append(String stream, String type, int revision) {
    return plain.store.append(
        StreamId.parse(stream),
        ExpectedVersion.any(),
        List.of(EncodedEvent.of(type, revision, "{\"what\":\"x\"}")));
  }

  private String nodeOf(AppendResult append) throws SQLException {
    return plain.query(
        "select max(node) from public.handled where position = " + append.position());
  }

  private String unhandled() throws SQLException {
    return plain.query(
        "select count(*) from eventstore.events where position not in"
            + " (select position from public.handled)");
  }

  private static void awaitCaughtUp(Subscription view) {
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(view.status().lag()).as(view.status().toString()).isZero());
  }

  private static FailurePolicy policy(String name) {
    return switch (name) {
      case "stop at once" -> FailurePolicy.stop();
      case "stop" -> FailurePolicy.retry(1).backOff(SHORT, SHORT).thenStop();
      default -> PARK;
    };
  }

  @ParameterizedTest
  @ValueSource(strings = {"stop at once", "stop", "park"})
  void a_node_that_cannot_decode_an_event_releases_the_partition_to_one_that_can(String policy)
      throws Exception {
    Node older = new Node("old", OLD);
    Node newer = new Node("new", NEW);
    Subscription old = older.start(policy(policy));
    old.awaitApplied(append("order-1", "placed", 1), PATIENCE);
    Subscription current = newer.start(policy(policy));

    append("order-2", "placed", 1);
    AppendResult unknown = append("order-1", "shipped", 1);
    AppendResult last = append("order-1", "placed", 1);
    old.awaitApplied(last, PATIENCE);
    AppendResult newerRevision = append("order-1", "placed", 2);
    current.awaitApplied(newerRevision, PATIENCE);

    assertThat(unhandled()).isEqualTo("0");
    assertThat(nodeOf(unknown)).isEqualTo("new");
    assertThat(current.parked().count()).isZero();
    assertThat(older.taken).hasValue(1);
    assertThat(older.failures).hasSizeBetween(1, 2);
    assertThat(old.status().state()).isEqualTo(State.WAITING);
    assertThat(old.status().isHealthy()).as(old.status().toString()).isTrue();
    assertThat(plain.query("select sum(attempts) from eventstore.subscriptions")).isEqualTo("0");

    current.close();
    old.awaitApplied(append("order-3", "placed", 1), PATIENCE);
    assertThat(unhandled()).as("the old node goes on where it can").isEqualTo("0");
  }

  @Test
  void the_partition_is_released_for_every_exception_of_the_codec() throws Exception {
    Node newer = new Node("new", NEW);
    TestStore failing =
        new TestStore(database, 20, builder -> builder.codec(new FailingCodec(codec(NEW))));
    open.add(failing);
    Subscription old =
        started(
            Subscriptions.of(failing.store)
                .create("view")
                .leaseTime(HOUR)
                .onFailure(PARK)
                .handler(
                    batch -> {
                      try {
                        batch.events().forEach(event -> assertThat(event.metadata()).isNotNull());
                        batch.events().forEach(event -> assertThat(event.payload()).isNotNull());
                      } catch (RuntimeException e) {
                        throw new IllegalArgumentException("wrapped by the handler", e);
                      }
                    }));
    old.awaitApplied(append("order-1", "placed", 1), PATIENCE);
    newer.start(PARK).awaitApplied(append("order-1", "shipped", 1), PATIENCE);
    assertThat(old.status().parked()).isZero();
    assertThat(old.status().state()).isEqualTo(State.WAITING);
  }

  @Test
  void when_every_live_node_has_declined_the_subscription_stops_and_a_newer_node_resumes_it()
      throws Exception {
    Node first = new Node("first", OLD);
    Node second = new Node("second", OLD);
    Subscription one = first.start(policy("stop"));
    Subscription two = second.start(policy("stop"));
    append("order-1", "placed", 1);
    AppendResult unknown = append("order-1", "shipped", 1);

    await()
        .atMost(PATIENCE)
        .until(() -> one.status().state() == State.FAILED && two.status().state() == State.FAILED);
    assertThat(first.taken.get() + second.taken.get()).isEqualTo(2);
    assertThat(one.status().complaint().orElseThrow()).contains("'shipped'");

    Subscription current = new Node("new", NEW).start(policy("stop"));
    current.awaitApplied(unknown, PATIENCE);
    assertThat(unhandled()).isEqualTo("0");
  }

  @Test
  void when_every_live_node_has_declined_the_event_is_parked_and_a_newer_node_replays_it()
      throws Exception {
    Node first = new Node("first", OLD);
    Node second = new Node("second", OLD);
    Subscription one = first.start(PARK);
    second.start(PARK);
    AppendResult unknown = append("order-1", "shipped", 1);
    AppendResult other = append("order-2", "placed", 1);
    awaitCaughtUp(one);
    assertThat(one.parked().list(10))
        .singleElement()
        .satisfies(event -> assertThat(event.position()).isEqualTo(unknown.position()))
        .satisfies(event -> assertThat(event.attempts()).isEqualTo(2));
    assertThat(nodeOf(other)).isNotNull();

    assertThatThrownBy(() -> one.parked().replay(StreamId.parse("order-1")))
        .isInstanceOf(UndecodableEventException.class)
        .hasMessageContaining("stays parked")
        .hasRootCauseInstanceOf(UnknownEventTypeException.class);
    assertThatThrownBy(() -> one.parked().replay()).isInstanceOf(UndecodableEventException.class);
    assertThat(one.parked().list(10))
        .singleElement()
        .satisfies(event -> assertThat(event.attempts()).isEqualTo(2));

    Subscription current = new Node("new", NEW).start(PARK);
    Replay replay = current.parked().replay();
    assertThat(replay.handled()).isEqualTo(1);
    assertThat(replay.failed()).isEmpty();
    assertThat(unhandled()).isEqualTo("0");
  }

  @Test
  void a_node_alone_applies_its_policy_immediately() throws Exception {
    Subscription alone = new Node("old", OLD).start(PARK);
    long started = System.nanoTime();
    append("order-1", "shipped", 1);
    awaitCaughtUp(alone);
    assertThat(alone.parked().count()).isEqualTo(1);
    assertThat(Duration.ofNanos(System.nanoTime() - started)).isLessThan(HOUR.dividedBy(100));
  }

  @Test
  void nodes_that_differ_do_not_exchange_partitions_repeatedly() throws Exception {
    Node older = new Node("old", OLD);
    Node newer = new Node("new", NEW);
    // Partitions are distributed again when leases are renewed.
    Duration lease = Duration.ofSeconds(1);
    started(older.view(PARK).partitions(4).leaseTime(lease));
    Subscription current = started(newer.view(PARK).partitions(4).leaseTime(lease));
    await().atMost(PATIENCE).until(() -> older.taken.get() >= 2 && newer.taken.get() >= 2);
    int before = older.taken.get();
    for (int i = 0; i < 120; i++) {
      append("order-" + i % 20, i % 3 == 0 ? "shipped" : "placed", 1);
    }
    awaitCaughtUp(current);
    assertThat(unhandled()).isEqualTo("0");
    assertThat(current.status().parked()).isZero();
    assertThat(older.taken.get() - before).as("taken by the old node again").isLessThanOrEqualTo(4);
  }

  @Test
  void nodes_that_know_different_types_together_handle_all_of_them() throws Exception {
    Node left = new Node("left", NEW);
    Node right =
        new Node(
            "right",
            EventTypes.builder()
                .type(Placed.class, "placed", 1)
                .type(Shipped.class, "paid", 1)
                .build());
    Subscription one = left.start(PARK);
    Subscription other = right.start(PARK);
    for (int i = 0; i < 6; i++) {
      append("order-1", i % 2 == 0 ? "shipped" : "paid", 1);
    }
    awaitCaughtUp(one);
    assertThat(unhandled()).isEqualTo("0");
    assertThat(one.status().parked()).isZero();
    assertThat(other.status().state()).isNotEqualTo(State.FAILED);
    assertThat(left.taken.get() + right.taken.get()).isLessThanOrEqualTo(7);
  }

  @Test
  void a_node_that_declines_waits_for_one_that_is_joining_and_leaves_the_partition_to_it()
      throws Exception {
    SubscriptionsTable table = new SubscriptionsTable(new Schema("eventstore"));
    CheckpointsTable checkpoints = new CheckpointsTable(new Schema("eventstore"));
    LeasesTable leases = new LeasesTable(new Schema("eventstore"));
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try (Connection first = database.open();
        Connection second = TestStore.begin(database)) {
      table.arrange(first, "view", 1, 0, "query", List.of(), "a", HOUR);
      leases.keep(first, "a", List.of(new Membership("view", HOUR, "query")));
      Tenure tenure = new Tenure(new LeaseKey("view", 0), "a", 1);
      assertThat(checkpoints.decline(first, tenure, 7, "unknown")).as("alone").contains(false);

      table.arrange(second, "view", 1, 0, "query", List.of(), "b", HOUR);
      Future<Optional<Boolean>> declined =
          thread.submit(() -> checkpoints.decline(first, tenure, 7, "unknown"));
      await()
          .atMost(PATIENCE)
          .until(
              () ->
                  plain
                      .query(
                          "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")
                      .equals("1"));
      second.commit();
      assertThat(declined.get(30, TimeUnit.SECONDS)).contains(true);
      assertThat(checkpoints.decline(first, tenure, 7, "unknown"))
          .as("the tenure is over")
          .isEmpty();
    } finally {
      thread.shutdownNow();
    }
  }

  @Test
  void a_node_that_was_killed_is_waited_for_no_longer_than_it_counts_as_alive() throws Exception {
    Subscription old = new Node("old", OLD).start(PARK);
    old.awaitApplied(append("order-1", "placed", 1), PATIENCE);
    plain.execute(
        "insert into eventstore.subscription_members (name, owner, alive_until)"
            + " values ('view', 'killed', clock_timestamp() + interval '1 hour')");
    append("order-1", "shipped", 1);

    await().atMost(PATIENCE).until(() -> old.status().partitions().get(0).state() == State.WAITING);
    SubscriptionStatus waiting = old.status();
    assertThat(waiting.partitions().get(0).error().orElseThrow())
        .contains("declined by")
        .contains("'shipped'");
    assertThat(waiting.parked()).isZero();

    plain.execute(
        "update eventstore.subscription_members set alive_until = clock_timestamp()"
            + " where owner = 'killed'");
    awaitCaughtUp(old);
    assertThat(old.parked().count()).isEqualTo(1);
  }

  @Test
  void a_node_that_joins_while_the_last_one_retries_gets_the_event() throws Exception {
    Node older = new Node("old", OLD);
    FailurePolicy slowly =
        FailurePolicy.retry(1_000)
            .backOff(Duration.ofMillis(200), Duration.ofMillis(200))
            .thenPark();
    Subscription old = older.start(slowly);
    AppendResult unknown = append("order-1", "shipped", 1);
    await().atMost(PATIENCE).until(() -> older.failures.size() > 2);
    assertThat(old.status().complaint().orElseThrow()).contains("no live node can decode");

    new Node("new", NEW).start(slowly).awaitApplied(unknown, PATIENCE);
    assertThat(nodeOf(unknown)).isEqualTo("new");
    assertThat(old.status().parked()).isZero();
    await().atMost(PATIENCE).until(() -> old.status().isHealthy());
  }

  /**
   * This node is the last one that has declined, and checks again in the transaction that parks.
   */
  @Test
  void a_node_that_joins_when_the_last_one_is_about_to_park_the_event_gets_it() throws Exception {
    FailurePolicy once = FailurePolicy.retry(1).backOff(SHORT, SHORT).thenPark();
    Node newer = new Node("new", NEW);
    CountingDataSource watched = new CountingDataSource(plain.pool);
    PostgresEventStore store =
        PostgresEventStore.builder(watched).codec(JacksonCodec.of(OLD)).build();
    open.add(store);
    Subscription old =
        started(
            Subscriptions.of(store)
                .create("view")
                .leaseTime(HOUR)
                .onFailure(once)
                .handler(batch -> batch.events().forEach(RecordedEvent::payload)));
    old.awaitApplied(append("order-1", "placed", 1), PATIENCE);
    AtomicInteger declined = new AtomicInteger();
    watched.before(
        sql -> {
          boolean declines = sql.contains("decline_partition");
          if (declined.get() == 1 && (declines || sql.contains("parked_streams"))) {
            declined.incrementAndGet();
            newer.start(once);
          } else if (declines && declined.get() == 0) {
            declined.incrementAndGet();
          }
        });
    AppendResult unknown = append("order-1", "shipped", 1);

    old.awaitApplied(unknown, PATIENCE);
    assertThat(nodeOf(unknown)).isEqualTo("new");
    assertThat(declined).as("the node has joined").hasValue(2);
    assertThat(old.parked().count()).isZero();
  }

  @Test
  void a_partition_of_a_projection_is_released_too() throws Exception {
    Projection old = projection(new Node("old", OLD));
    old.awaitApplied(append("order-1", "placed", 1), PATIENCE);
    Projection current = projection(new Node("new", NEW));
    current.awaitApplied(append("order-1", "shipped", 1), PATIENCE);
    assertThat(old.subscription().status().state()).isEqualTo(State.WAITING);
  }

  private Projection projection(Node node) {
    Projection projection =
        Projections.of(node.store.store)
            .create("orders", 1)
            .definition((table, batch) -> node.handle(batch.events(), batch.connection()))
            .start();
    open.add(projection);
    return projection;
  }

  @Test
  void a_follower_on_a_node_that_cannot_decode_an_event_ends_with_that_error() throws Exception {
    Node older = new Node("old", OLD);
    Follower follower =
        Subscriptions.of(older.store.store)
            .follow(EventQuery.all())
            .handler(events -> events.forEach(event -> assertThat(event.payload()).isNotNull()))
            .start();
    open.add(follower);
    AppendResult unknown = append("order-1", "shipped", 1);
    assertThatThrownBy(() -> follower.awaitApplied(unknown, PATIENCE))
        .hasRootCauseInstanceOf(UnknownEventTypeException.class);
  }
}
