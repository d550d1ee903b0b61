package dev.pgeventstore.spring.internal;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.spring.Running;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.annotation.Bean;

/** The health of the store and of what runs on it. */
@AutoConfiguration(
    after = EventStoreAutoConfiguration.class,
    beforeName =
        "org.springframework.boot.health.autoconfigure.contributor.HealthContributorAutoConfiguration")
@ConditionalOnClass({HealthIndicator.class, ConditionalOnEnabledHealthIndicator.class})
@ConditionalOnEnabledHealthIndicator("eventstore")
@ConditionalOnSingleCandidate(EventStore.class)
public final class EventStoreHealthAutoConfiguration {

  /** For Spring. */
  public EventStoreHealthAutoConfiguration() {}

  @Bean
  @ConditionalOnMissingBean(name = "eventStoreHealthIndicator")
  HealthIndicator eventStoreHealthIndicator(
      EventStore store, ListableBeanFactory beans, EventStoreProperties properties) {
    return new EventStoreHealthIndicator(
        store, new RunningParts(() -> beans.getBeansOfType(Running.class)), properties.health());
  }
}
