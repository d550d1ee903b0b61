package dev.pgeventstore.spring.test;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.util.Map;
import org.springframework.beans.factory.support.DefaultSingletonBeanRegistry;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.MapPropertySource;
import org.springframework.test.context.ContextCustomizer;
import org.springframework.test.context.MergedContextConfiguration;

/** Makes a database for an application context. Two of these are equal, so contexts are cached. */
record OnPostgresCustomizer() implements ContextCustomizer {

  @Override
  public void customizeContext(
      ConfigurableApplicationContext context, MergedContextConfiguration configuration) {
    PostgresServer server = Server.SHARED;
    Database database = server.createDatabase();
    context
        .getEnvironment()
        .getPropertySources()
        .addFirst(
            new MapPropertySource(
                "onPostgres",
                Map.of(
                    "spring.datasource.url", database.url(),
                    "spring.datasource.username", "",
                    "spring.datasource.password", "")));
    // Registered before all beans, and so called after them: the pool is closed by then.
    ((DefaultSingletonBeanRegistry) context.getBeanFactory())
        .registerDisposableBean("onPostgres", () -> server.drop(database));
  }

  /** Started when it is used first. The server ends with the process. */
  private static final class Server {

    // Nothing has to survive a crash of the machine.
    private static final PostgresServer SHARED =
        PostgresServer.start(Map.of("fsync", "off", "full_page_writes", "off"));
  }
}
