package dev.pgeventstore.spring;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.spring.OrderEvent.Shipped;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.jdbc.DataSourceBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

/** An application with a data source for the store, and another one. */
@ExtendWith(PostgresExtension.class)
class TwoDataSourcesTest {

  private static final StreamId STREAM = StreamId.of("order", "1");

  @Configuration(proxyBeanMethods = false)
  static class Two {

    @Bean
    DataSource orders(@Value("${spring.datasource.url}") String url) {
      return DataSourceBuilder.create().url(url).build();
    }

    @Bean
    DataSource billing(@Value("${spring.datasource.url}") String url) {
      return DataSourceBuilder.create().url(url).build();
    }

    @Bean
    PlatformTransactionManager ofOrders(@Qualifier("orders") DataSource orders) {
      return new JdbcTransactionManager(orders);
    }

    @Bean
    PlatformTransactionManager ofBilling(@Qualifier("billing") DataSource billing) {
      return new JdbcTransactionManager(billing);
    }
  }

  @Test
  void without_a_choice_the_application_does_not_start_and_the_error_names_the_property(
      Database database) {
    assertThatThrownBy(() -> TestApplication.start(database, Two.class).close())
        .rootCause()
        .hasMessageContaining("[orders, billing]")
        .extracting(Failures::action)
        .asString()
        .contains("eventstore.data-source");
  }

  @Test
  void a_name_without_a_bean_is_refused_with_the_names_that_there_are(Database database) {
    assertThatThrownBy(
            () ->
                TestApplication.start(database, List.of("eventstore.data-source=sales"), Two.class)
                    .close())
        .rootCause()
        .hasMessageContaining("'sales'")
        .extracting(Failures::action)
        .asString()
        .contains("[orders, billing]");
  }

  @Test
  void transactions_of_the_named_one_are_joined_and_those_of_the_other_one_are_not(
      Database database) {
    try (ConfigurableApplicationContext application =
        TestApplication.start(database, List.of("eventstore.data-source=orders"), Two.class)) {
      EventStore store = application.getBean(EventStore.class);
      TransactionTemplate ofOrders =
          new TransactionTemplate(
              application.getBean("ofOrders", PlatformTransactionManager.class));
      TransactionTemplate ofBilling =
          new TransactionTemplate(
              application.getBean("ofBilling", PlatformTransactionManager.class));

      ofOrders.executeWithoutResult(
          status -> {
            append(store);
            status.setRollbackOnly();
          });
      assertThat(store.read(STREAM)).isEmpty();

      ofBilling.executeWithoutResult(
          status -> {
            assertThatThrownBy(() -> append(store))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("not one of the store's data source")
                .hasMessageContaining("nothing was written");
            // The connection that this takes lives as long as the other transaction.
            new JdbcTemplate(application.getBean("orders", DataSource.class)).execute("select 1");
            assertThatThrownBy(() -> append(store)).isInstanceOf(IllegalStateException.class);
            assertThat(store.read(STREAM)).isEmpty();
          });

      ofBilling.setPropagationBehavior(TransactionDefinition.PROPAGATION_NOT_SUPPORTED);
      ofBilling.executeWithoutResult(status -> append(store));
      assertThat(store.read(STREAM)).hasSize(1);
    }
  }

  private static void append(EventStore store) {
    store.append(STREAM, any(), List.of(new Shipped()));
  }
}
