package dev.pgeventstore.spring;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.spring.OrderEvent.Placed;
import dev.pgeventstore.spring.internal.EventStoreEndpoint;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.TcpProxy;
import java.net.URI;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.datasource.DelegatingDataSource;

/** The health of an application, whatever the database does. */
@ExtendWith(PostgresExtension.class)
class HealthTest {

  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final List<String> ALWAYS_ASKED = List.of("eventstore.health.max-age=0s");

  @Configuration(proxyBeanMethods = false)
  static class Parking {

    @Bean
    Running<Subscription> parking(EventStore store) {
      return Running.of(
          () ->
              Subscriptions.of(store)
                  .create("parking")
                  .onFailure(FailurePolicy.retry(1).thenPark())
                  .handler(
                      batch -> {
                        throw new IllegalStateException("cannot be handled");
                      })
                  .start());
    }
  }

  private static Health health(ConfigurableApplicationContext application) {
    return application.getBean("eventStoreHealthIndicator", HealthIndicator.class).health();
  }

  @Test
  void a_store_whose_subscriptions_run_is_up(Database database) {
    try (ConfigurableApplicationContext application =
        TestApplication.start(database, ALWAYS_ASKED, Parking.class)) {
      awaitHealth(application, Status.UP);
      assertThat(health(application).getDetails().get("running").toString())
          .contains("parking")
          .contains("parked=0");
    }
  }

  @Test
  void the_endpoint_lists_and_discards_parked_events(Database database) {
    try (ConfigurableApplicationContext application =
        TestApplication.start(
            database,
            List.of("management.endpoints.web.exposure.include=eventstore"),
            Parking.class)) {
      AppendResult parked = append(application.getBean(EventStore.class));
      EventStoreEndpoint endpoint = application.getBean(EventStoreEndpoint.class);
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> assertThat(endpoint.parked("parking")).containsEntry("count", 1L));

      assertThat(endpoint.status().toString()).contains("parking").contains("parked=1");
      assertThat(endpoint.parked("parking").toString())
          .contains("order-1")
          .contains("cannot be handled");
      assertThat(endpoint.replay("parking").toString()).contains("handled=0");
      assertThat(endpoint.discard("parking", parked.position().value(), "a test"))
          .containsEntry("discarded", true);
      assertThat(endpoint.parked("parking")).containsEntry("count", 0L);
      assertThat(endpoint.parked("nobody")).isNull();
    }
  }

  @Test
  void parked_events_are_counted_and_complained_of(Database database) {
    try (ConfigurableApplicationContext application =
        TestApplication.start(database, ALWAYS_ASKED, Parking.class)) {
      EventStore store = application.getBean(EventStore.class);
      store.append(
          StreamId.of("order", "1"), any(), List.of(new Placed("book"), new Placed("pen")));

      await()
          .atMost(PATIENCE)
          .untilAsserted(
              () ->
                  assertThat(health(application).getDetails().get("running").toString())
                      .contains("parked=2")
                      .contains("complaint"));
      assertThat(health(application).getStatus()).isEqualTo(Status.DOWN);
    }
  }

  /** A pool that gives no connection while the gate is closed, as one without a server. */
  static final class Gate extends DelegatingDataSource {

    volatile CountDownLatch open = new CountDownLatch(0);

    Gate(DataSource pool) {
      super(pool);
    }

    @Override
    public Connection getConnection() throws SQLException {
      try {
        open.await();
      } catch (InterruptedException e) {
        throw new SQLException(e);
      }
      return super.getConnection();
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class Gated {

    @Bean
    static BeanPostProcessor gate() {
      return new BeanPostProcessor() {
        @Override
        public Object postProcessAfterInitialization(Object bean, String name) {
          return bean instanceof HikariDataSource pool ? new Gate(pool) : bean;
        }
      };
    }
  }

  @Test
  void while_the_pool_gives_no_connection_the_answer_is_down_and_does_not_wait_for_it(
      Database database) {
    try (ConfigurableApplicationContext application =
        TestApplication.start(database, ALWAYS_ASKED, Gated.class)) {
      assertThat(health(application).getStatus()).isEqualTo(Status.UP);
      Gate gate = (Gate) application.getBean(DataSource.class);
      gate.open = new CountDownLatch(1);

      // Both return although the gate stays closed; the second one does not ask again.
      Health first = health(application);
      Health second = health(application);
      gate.open.countDown();

      assertThat(first.getStatus()).isEqualTo(Status.DOWN);
      assertThat(first.getDetails().get("database").toString()).contains("has not responded");
      assertThat(second.getStatus()).isEqualTo(Status.DOWN);
      awaitHealth(application, Status.UP);
    }
  }

  @Test
  void an_answer_is_given_again_while_it_is_young(Database database) {
    try (ConfigurableApplicationContext application =
        TestApplication.start(database, List.of("eventstore.health.max-age=1h"), Gated.class)) {
      assertThat(health(application).getStatus()).isEqualTo(Status.UP);
      Gate gate = (Gate) application.getBean(DataSource.class);
      gate.open = new CountDownLatch(1);

      assertThat(health(application).getStatus()).isEqualTo(Status.UP);
      gate.open.countDown();
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class Reading {

    @Bean
    Running<Subscription> reading(EventStore store) {
      return Running.of(
          () -> Subscriptions.of(store).create("reading").handler(batch -> {}).start());
    }
  }

  @Test
  @SuppressWarnings("unchecked")
  void an_application_continues_when_its_database_comes_back(Database database) throws Exception {
    int port = URI.create(database.url().substring("jdbc:".length())).getPort();
    try (TcpProxy network = TcpProxy.to(port);
        ConfigurableApplicationContext application =
            TestApplication.start(
                new Database(database.url().replace(":" + port, ":" + network.port())),
                List.of(
                    "eventstore.health.max-age=0s",
                    "spring.datasource.hikari.connection-timeout=250"),
                Reading.class)) {
      EventStore store = application.getBean(EventStore.class);
      awaitHealth(application, Status.UP);
      network.refuse();

      awaitHealth(application, Status.DOWN);
      assertThatThrownBy(() -> append(store)).isInstanceOf(EventStoreException.class);
      network.restore();

      awaitHealth(application, Status.UP);
      Running<Subscription> reading = application.getBean("reading", Running.class);
      reading.get().awaitApplied(append(store), PATIENCE);
    }
  }

  private static AppendResult append(EventStore store) {
    return store.append(StreamId.of("order", "1"), any(), List.of(new Placed("book")));
  }

  private static void awaitHealth(ConfigurableApplicationContext application, Status status) {
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> {
              Health now = health(application);
              assertThat(now.getStatus()).as(now.toString()).isEqualTo(status);
            });
  }
}
