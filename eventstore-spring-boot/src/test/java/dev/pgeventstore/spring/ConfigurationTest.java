package dev.pgeventstore.spring;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.JsonCodec;
import dev.pgeventstore.spring.OrderEvent.Placed;
import dev.pgeventstore.spring.OrderEvent.Shipped;
import dev.pgeventstore.spring.events.Elsewhere;
import dev.pgeventstore.spring.internal.EventStoreAutoConfiguration;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.autoconfigure.AutoConfigurationPackage;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What an application configures. */
@ExtendWith(PostgresExtension.class)
class ConfigurationTest {

  private static final StreamId STREAM = StreamId.of("order", "1");

  private static ApplicationContextRunner runner(Database database) {
    return new ApplicationContextRunner()
        .withConfiguration(
            AutoConfigurations.of(
                DataSourceAutoConfiguration.class, EventStoreAutoConfiguration.class))
        .withUserConfiguration(PackageOfThisTest.class)
        .withPropertyValues(
            "spring.datasource.url=" + database.url(), "spring.datasource.hikari.minimum-idle=0");
  }

  @Configuration(proxyBeanMethods = false)
  @AutoConfigurationPackage
  static class PackageOfThisTest {}

  @Test
  void events_are_found_below_the_package_of_the_application(Database database) {
    runner(database)
        .run(
            context ->
                assertThat(context.getBean(EventTypes.class).all())
                    .extracting(type -> (Object) type.payloadClass())
                    .containsExactlyInAnyOrder(
                        Placed.class, Shipped.class, Elsewhere.Happened.class));
  }

  @Test
  void events_are_found_in_the_packages_that_are_named(Database database) {
    runner(database)
        .withPropertyValues("eventstore.event-packages=dev.pgeventstore.spring.events")
        .run(
            context ->
                assertThat(context.getBean(EventTypes.class).all())
                    .extracting(type -> (Object) type.payloadClass())
                    .containsExactly(Elsewhere.Happened.class));
  }

  @Test
  void a_package_without_events_is_warned_of(Database database) {
    try (Logged logged = Logged.by("dev.pgeventstore.spring.internal.ScannedEventTypes")) {
      runner(database)
          .withPropertyValues("eventstore.event-packages=org.example")
          .run(context -> assertThat(context).hasNotFailed());
      assertThat(logged.messages())
          .hasSize(1)
          .first()
          .asString()
          .contains("eventstore.event-packages");
    }
  }

  @Test
  void the_codec_is_that_of_jackson_3_whether_jackson_2_is_there_or_not(Database database) {
    String ofJackson3 = "dev.pgeventstore.codec.jackson3.JacksonCodec";
    runner(database)
        .run(
            context ->
                assertThat(context.getBean(EventCodec.class).getClass().getName())
                    .isEqualTo(ofJackson3));
    runner(database)
        .withClassLoader(
            new FilteredClassLoader(
                "com.fasterxml.jackson.databind", "dev.pgeventstore.codec.jackson."))
        .run(
            context -> {
              assertThat(context.getBean(EventCodec.class).getClass().getName())
                  .isEqualTo(ofJackson3);
              EventStore store = context.getBean(EventStore.class);
              store.append(STREAM, any(), List.of(new Placed("book")));
              assertThat(store.read(STREAM).get(0).payload()).isEqualTo(new Placed("book"));
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class OwnCodec {

    @Bean
    EventCodec codec() {
      return dev.pgeventstore.codec.jackson.JacksonCodec.of(EventTypes.of(OrderEvent.class));
    }
  }

  @Test
  void a_codec_of_the_application_is_used_without_jackson_3(Database database) {
    runner(database)
        .withUserConfiguration(OwnCodec.class)
        .withClassLoader(
            new FilteredClassLoader("tools.jackson", "dev.pgeventstore.codec.jackson3"))
        .run(
            context -> {
              assertThat(context).hasNotFailed().doesNotHaveBean(EventTypes.class);
              EventStore store = context.getBean(EventStore.class);
              store.append(STREAM, any(), List.of(new Placed("book")));
              assertThat(store.read(STREAM).get(0).payload()).isEqualTo(new Placed("book"));
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Customized {

    static final AtomicInteger UPCASTERS = new AtomicInteger();

    @Bean
    EventStoreCustomizer schema() {
      return builder -> builder.schema("customized");
    }

    @Bean
    EventCodecCustomizer lenient() {
      return builder -> {
        UPCASTERS.incrementAndGet();
        builder.lenient();
      };
    }
  }

  @Test
  void customizers_have_the_last_word(Database database) {
    runner(database)
        .withPropertyValues("eventstore.schema=orders")
        .withUserConfiguration(Customized.class)
        .run(
            context -> {
              context.getBean(EventStore.class).append(STREAM, any(), List.of(new Placed("book")));
              assertThat(
                      JdbcClient.create(context.getBean(DataSource.class))
                          .sql("select count(*) from customized.events")
                          .query(Integer.class)
                          .single())
                  .isEqualTo(1);
              assertThat(Customized.UPCASTERS).hasValue(1);
              assertThat(context.getBean(EventCodec.class)).isInstanceOf(JsonCodec.class);
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Listeners {

    final AtomicInteger committed = new AtomicInteger();

    @Bean
    AtomicInteger committed() {
      return committed;
    }

    @Bean
    StoreListener failing() {
      return new StoreListener() {
        @Override
        public void committed(Committed append) {
          throw new IllegalStateException("a listener that fails");
        }
      };
    }

    @Bean
    StoreListener counting() {
      return new StoreListener() {
        @Override
        public void committed(Committed append) {
          committed.incrementAndGet();
        }
      };
    }
  }

  @Test
  void listeners_that_are_beans_are_told_of_appends(Database database) {
    runner(database)
        .withUserConfiguration(Listeners.class)
        .run(
            context -> {
              context.getBean(EventStore.class).append(STREAM, any(), List.of(new Placed("book")));
              assertThat(context.getBean(AtomicInteger.class)).hasValue(1);
            });
  }

  @Test
  void there_is_no_store_if_it_is_not_enabled(Database database) {
    runner(database)
        .withPropertyValues("eventstore.enabled=false")
        .run(context -> assertThat(context).doesNotHaveBean(EventStore.class));
  }
}
