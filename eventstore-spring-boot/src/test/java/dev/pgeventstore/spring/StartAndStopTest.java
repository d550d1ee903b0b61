package dev.pgeventstore.spring;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.spring.OrderEvent.Placed;
import dev.pgeventstore.spring.OrderEvent.Shipped;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

/** Starting an application, and stopping it. */
@ExtendWith(PostgresExtension.class)
class StartAndStopTest {

  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final StreamId STREAM = StreamId.of("order", "1");

  @Configuration(proxyBeanMethods = false)
  static class Shipments {

    @Bean
    Running<Subscription> shipments(EventStore store) {
      return Running.of(
          () ->
              Subscriptions.of(store)
                  .create("shipments")
                  .types(Shipped.class)
                  .handler(
                      batch ->
                          batch
                              .events()
                              .forEach(
                                  event ->
                                      JdbcClient.create(
                                              new SingleConnectionDataSource(
                                                  batch.connection(), true))
                                          .sql("insert into shipments values (?)")
                                          .param(event.stream().key())
                                          .update()))
                  .start());
    }
  }

  @SuppressWarnings("unchecked")
  private static Running<Subscription> shipments(ConfigurableApplicationContext application) {
    return application.getBean("shipments", Running.class);
  }

  /** The application's migrations are in a folder and in a table of their own. */
  private static ConfigurableApplicationContext start(Database database) {
    return TestApplication.start(
        database,
        List.of("spring.flyway.enabled=true", "spring.flyway.locations=classpath:db/application"),
        Shipments.class);
  }

  private static String query(Database database, String sql) throws Exception {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getString(1);
    }
  }

  @Test
  void the_migrations_of_the_application_and_of_the_store_do_not_meet(Database database)
      throws Exception {
    for (int i = 1; i <= 2; i++) {
      try (ConfigurableApplicationContext application = start(database)) {
        EventStore store = application.getBean(EventStore.class);
        StreamId stream = StreamId.of("order", Integer.toString(i));
        shipments(application)
            .get()
            .awaitApplied(store.append(stream, any(), List.of(new Shipped())), PATIENCE);
      }
    }

    assertThat(query(database, "select string_agg(script, ' ') from flyway_schema_history"))
        .isEqualTo("V1__shipments.sql");
    assertThat(
            query(
                database,
                "select string_agg(script, ' ') from eventstore.schema_history where type = 'SQL'"))
        .doesNotContain("shipments");
    assertThat(query(database, "select string_agg(order_key, ' ' order by 1) from shipments"))
        .isEqualTo("1 2");
  }

  @Test
  void a_subscription_stops_before_the_pool_is_closed_and_releases_its_lease(Database database)
      throws Exception {
    Subscription subscription;
    Running<Subscription> running;
    try (ConfigurableApplicationContext application = start(database)) {
      EventStore store = application.getBean(EventStore.class);
      running = shipments(application);
      subscription = running.get();
      subscription.awaitApplied(store.append(STREAM, any(), List.of(new Placed("book"))), PATIENCE);
      assertThat(query(database, "select count(*) from eventstore.leases where owner <> ''"))
          .isEqualTo("1");
    }

    assertThat(running.isRunning()).isFalse();
    assertThatThrownBy(running::get)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("'shipments' does not run");
    assertThat(subscription.status().state()).isEqualTo(State.STOPPED);
    assertThat(query(database, "select count(*) from eventstore.leases where owner <> ''"))
        .isEqualTo("0");
  }

  @Test
  void a_context_that_is_stopped_and_started_again_runs_a_new_subscription(Database database)
      throws Exception {
    try (ConfigurableApplicationContext application = start(database)) {
      EventStore store = application.getBean(EventStore.class);
      Subscription first = shipments(application).get();
      application.stop();
      application.start();

      Subscription second = shipments(application).get();
      assertThat(second).isNotSameAs(first);
      second.awaitApplied(store.append(STREAM, any(), List.of(new Shipped())), PATIENCE);
    }
  }

  @Test
  void when_the_application_stops_each_append_is_written_and_acknowledged_or_refused(
      Database database) throws Exception {
    ConfigurableApplicationContext application = start(database);
    EventStore store = application.getBean(EventStore.class);
    ExecutorService threads = Executors.newFixedThreadPool(8);
    CountDownLatch begun = new CountDownLatch(50);
    List<Future<Integer>> acknowledged = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      StreamId stream = StreamId.of("order", "of-" + i);
      acknowledged.add(threads.submit(() -> appendUntilRefused(store, stream, begun)));
    }
    assertThat(begun.await(1, TimeUnit.MINUTES)).isTrue();
    application.close();

    int sum = 0;
    for (Future<Integer> each : acknowledged) {
      sum += each.get();
    }
    threads.shutdown();
    assertThat(query(database, "select count(*) from eventstore.events"))
        .isEqualTo(Integer.toString(sum));
  }

  private static int appendUntilRefused(EventStore store, StreamId stream, CountDownLatch begun) {
    int acknowledged = 0;
    while (true) {
      try {
        store.append(stream, any(), List.of(new Shipped()));
      } catch (IllegalStateException e) {
        return acknowledged;
      }
      acknowledged++;
      begun.countDown();
    }
  }

  @Test
  void without_a_database_the_application_does_not_start_and_says_why() {
    Throwable failure =
        catchThrowable(
            () ->
                TestApplication.start(
                        List.of("spring.datasource.url=jdbc:postgresql://127.0.0.1:1/none"))
                    .close());

    FailureAnalysis analysis = Failures.analysis(failure);
    assertThat(analysis.getDescription())
        .contains("The event store cannot start")
        .contains("127.0.0.1:1");
    assertThat(analysis.getAction()).contains("Start the database, or correct its address");
  }

  @Test
  void a_schema_that_must_be_there_and_is_not_is_named(Database database) {
    Throwable failure =
        catchThrowable(
            () ->
                TestApplication.start(
                        database,
                        List.of("eventstore.migrations=validate", "eventstore.schema=absent"))
                    .close());

    FailureAnalysis analysis = Failures.analysis(failure);
    assertThat(analysis.getDescription()).contains("absent");
    assertThat(analysis.getAction()).contains("Correct what the message says");
  }

  @Test
  void a_pool_without_room_for_a_subscription_is_refused(Database database) {
    Throwable failure =
        catchThrowable(
            () ->
                TestApplication.start(
                        database,
                        List.of("spring.datasource.hikari.maximum-pool-size=2"),
                        Shipments.class)
                    .close());

    FailureAnalysis analysis = Failures.analysis(failure);
    assertThat(analysis.getDescription()).contains("The pool has 2 connections at most");
    assertThat(analysis.getAction())
        .contains("spring.datasource.hikari.maximum-pool-size")
        .contains("6");
  }

  @Test
  void a_pool_that_leaves_nothing_for_the_application_is_warned_of(Database database) {
    try (Logged logged = Logged.by("dev.pgeventstore.spring.internal.PoolCheck")) {
      TestApplication.start(
              database,
              List.of(
                  "spring.datasource.hikari.maximum-pool-size=6",
                  "spring.flyway.enabled=true",
                  "spring.flyway.locations=classpath:db/application"),
              Shipments.class)
          .close();
      assertThat(logged.messages()).hasSize(1).first().asString().contains("may use 6");
    }
    try (Logged logged = Logged.by("dev.pgeventstore.spring.internal.PoolCheck")) {
      TestApplication.start(database).close();
      assertThat(logged.messages()).isEmpty();
    }
  }
}
