package dev.pgeventstore.spring;

import dev.pgeventstore.testkit.servers.Database;
import java.util.ArrayList;
import java.util.List;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;

/** An application with nothing of its own, which tests start. */
@SpringBootConfiguration
@EnableAutoConfiguration
public class TestApplication {

  /**
   * Starts it.
   *
   * @param more configuration classes
   */
  static ConfigurableApplicationContext start(Database database, Class<?>... more) {
    return start(database, List.of(), more);
  }

  /** Starts it with more properties. */
  static ConfigurableApplicationContext start(
      Database database, List<String> properties, Class<?>... more) {
    List<String> all = new ArrayList<>();
    all.add("spring.datasource.url=" + database.url());
    all.addAll(properties);
    return start(all, more);
  }

  /** Starts it without a database. */
  static ConfigurableApplicationContext start(List<String> properties, Class<?>... more) {
    List<String> all = new ArrayList<>();
    all.add("spring.flyway.enabled=false");
    all.add("spring.datasource.hikari.minimum-idle=0");
    all.addAll(properties);
    return new SpringApplicationBuilder(TestApplication.class)
        .sources(more)
        .web(WebApplicationType.NONE)
        .bannerMode(Banner.Mode.OFF)
        .registerShutdownHook(false)
        .properties(all.toArray(String[]::new))
        .run();
  }
}
