package dev.pgeventstore.spring.internal;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.spring.Running;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.boot.actuate.autoconfigure.endpoint.condition.ConditionalOnAvailableEndpoint;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.context.annotation.Bean;

/** The endpoint of the actuator, where it is exposed. */
@AutoConfiguration(after = EventStoreAutoConfiguration.class)
@ConditionalOnClass(ConditionalOnAvailableEndpoint.class)
@ConditionalOnAvailableEndpoint(EventStoreEndpoint.class)
@ConditionalOnSingleCandidate(EventStore.class)
public final class EventStoreEndpointAutoConfiguration {

  /** For Spring. */
  public EventStoreEndpointAutoConfiguration() {}

  @Bean
  @ConditionalOnMissingBean
  EventStoreEndpoint eventStoreEndpoint(EventStore store, ListableBeanFactory beans) {
    return new EventStoreEndpoint(
        store, new RunningParts(() -> beans.getBeansOfType(Running.class)));
  }
}
