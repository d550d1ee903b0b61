package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.TcpProxy;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A connection that stays open but no longer responds, while leases are renewed through it. */
@ExtendWith(PostgresExtension.class)
class SilentLeasesTest {

  private static final List<String> SCHEMAS = List.of("one", "two");

  /** What the thread that renews leases is given next, if not a connection as any other. */
  private final AtomicReference<Connection> next = new AtomicReference<>();

  @Test
  void one_silent_connection_costs_no_store_of_the_engine_a_lease(Database database)
      throws Exception {
    TcpProxy network =
        TcpProxy.to(URI.create(database.url().substring("jdbc:".length())).getPort());
    try (network;
        PostgresEngine engine = PostgresEngine.builder(dataSource(database)).build();
        Connection asking = database.open()) {
      for (String schema : SCHEMAS) {
        PostgresEventStore store =
            PostgresEventStore.builder(engine)
                .schema(schema)
                .codec(JacksonCodec.of(EventTypes.none()))
                .build();
        Subscriptions.of(store)
            .create("view")
            .leaseTime(Duration.ofSeconds(15))
            .handler(batch -> {})
            .start();
      }
      String port = ":" + network.port() + "/";
      Connection silent = new Database(database.url().replaceFirst(":\\d+/", port)).open();
      network.freeze();
      next.set(silent);
      await().atMost(Duration.ofSeconds(30)).until(() -> next.get() == null);

      for (String schema : SCHEMAS) {
        String before =
            TestStore.query(asking, "select lease_until from %s.leases".formatted(schema));
        await()
            .atMost(Duration.ofSeconds(30))
            .until(
                () ->
                    TestStore.query(
                            asking,
                            "select lease_until > '%s' from %s.leases".formatted(before, schema))
                        .equals("t"));
        assertThat(TestStore.query(asking, "select epoch from %s.leases".formatted(schema)))
            .isEqualTo("1");
      }
      assertThat(silent.isClosed()).isTrue();
    }
  }

  private DataSource dataSource(Database database) {
    DataSource others = database.dataSource();
    return (DataSource)
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            new Class<?>[] {DataSource.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("getConnection")
                  && Thread.currentThread().getName().equals("eventstore-leases")) {
                Connection prepared = next.getAndSet(null);
                if (prepared != null) {
                  return prepared;
                }
              }
              try {
                return method.invoke(others, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
