package dev.pgeventstore.spring.internal;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson3.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.spring.DeferredAppends;
import dev.pgeventstore.spring.EventCodecCustomizer;
import dev.pgeventstore.spring.EventStoreCustomizer;
import dev.pgeventstore.spring.Running;
import dev.pgeventstore.spring.TransactionalEventStore;
import java.util.List;
import javax.sql.DataSource;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.ImportRuntimeHints;
import org.springframework.transaction.ConfigurableTransactionManager;

/** Makes the store of an application, unless the application has one. */
@AutoConfiguration(
    afterName = {
      "org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration",
      "org.springframework.boot.jdbc.autoconfigure.JndiDataSourceAutoConfiguration",
      "org.springframework.boot.jdbc.autoconfigure.XADataSourceAutoConfiguration",
    })
@ConditionalOnBean(DataSource.class)
@ConditionalOnBooleanProperty(name = "eventstore.enabled", matchIfMissing = true)
@EnableConfigurationProperties(EventStoreProperties.class)
@ImportRuntimeHints(EventStoreHints.class)
public final class EventStoreAutoConfiguration {

  /** For Spring. */
  public EventStoreAutoConfiguration() {}

  /** The store. It closes the one that it wraps. */
  @Bean(destroyMethod = "close")
  @ConditionalOnMissingBean(EventStore.class)
  TransactionalEventStore eventStore(
      ConfigurableListableBeanFactory beans,
      ObjectProvider<DataSource> dataSources,
      EventCodec codec,
      EventStoreProperties properties,
      ObjectProvider<StoreListener> listeners,
      ObjectProvider<EventStoreCustomizer> customizers) {
    DataSource dataSource =
        StoreDataSource.find(beans, dataSources, properties.dataSource(), "eventStore");
    PostgresEventStore.Builder builder =
        PostgresEventStore.builder(dataSource)
            .codec(codec)
            .schema(properties.schema())
            .migrations(properties.migrations())
            .maxEventBytes(Math.toIntExact(properties.maxEventSize().toBytes()))
            .groupAppends(properties.groupAppends())
            .appendTimeout(properties.appendTimeout())
            .pollInterval(properties.pollInterval())
            .listening(properties.listening());
    List<StoreListener> told = listeners.orderedStream().toList();
    if (!told.isEmpty()) {
      builder.listener(told.size() == 1 ? told.get(0) : new StoreListeners(told));
    }
    customizers.orderedStream().forEach(each -> each.customize(builder));
    return TransactionalEventStore.of(builder.build(), dataSource);
  }

  /** Appends that wait for the commit. */
  @Bean
  @ConditionalOnMissingBean
  @ConditionalOnBean(TransactionalEventStore.class)
  DeferredAppends deferredAppends(TransactionalEventStore store) {
    return DeferredAppends.of(store);
  }

  /** Before the first transaction. */
  @Bean
  static SmartInitializingSingleton eventStoreTransactions(
      ObjectProvider<ConfigurableTransactionManager> managers) {
    return () -> managers.stream().forEach(TransactionalEventStore::observe);
  }

  /** Before anything runs. */
  @Bean
  static SmartInitializingSingleton eventStorePoolCheck(
      ConfigurableListableBeanFactory beans,
      ObjectProvider<DataSource> dataSources,
      EventStoreProperties properties) {
    return () -> {
      if (beans.getBeanNamesForType(TransactionalEventStore.class, true, false).length > 0) {
        PoolCheck.check(
            StoreDataSource.find(beans, dataSources, properties.dataSource(), "eventStore"),
            beans.getBeanNamesForType(Running.class, true, false).length);
      }
    };
  }

  /** The codec on Jackson 3, unless the application has a codec. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass(JacksonCodec.class)
  @ConditionalOnMissingBean(EventCodec.class)
  static class Codec {

    @Bean
    EventCodec eventCodec(EventTypes types, ObjectProvider<EventCodecCustomizer> customizers) {
      JacksonCodec.Builder builder = JacksonCodec.builder(types);
      customizers.orderedStream().forEach(each -> each.customize(builder));
      return builder.build();
    }

    /** The events that are found, unless the application says which they are. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnMissingBean(EventTypes.class)
    @Import(EventTypesRegistrar.class)
    static class Found {

      @Bean
      EventTypes eventTypes(ScannedEventTypes scanned) {
        return scanned.types();
      }
    }
  }
}
