package dev.pgeventstore.spring.internal;

import dev.pgeventstore.postgres.Listening;
import dev.pgeventstore.postgres.Migrations;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;

/**
 * The properties of the store.
 *
 * @param enabled whether there is a store at all
 * @param dataSource name of the data source's bean, if there are several and none is primary
 * @param schema the schema that holds the store's tables
 * @param migrations what to do with the database's schema when the application starts
 * @param eventPackages where classes with \@EventType are searched, with all packages below; where
 *     the application's own class is, unless given
 * @param maxEventSize the most that data and metadata of one event may take together
 * @param groupAppends whether appends of several threads that arrive at the same time are committed
 *     together
 * @param appendTimeout how long appends that are committed together wait for the response
 * @param pollInterval how often to look for events that no notification announced
 * @param listening when to listen for what other processes commit
 * @param health how the health indicator asks
 */
@ConfigurationProperties("eventstore")
public record EventStoreProperties(
    @DefaultValue("true") boolean enabled,
    @Nullable String dataSource,
    @DefaultValue("eventstore") String schema,
    @DefaultValue("apply") Migrations migrations,
    @DefaultValue List<String> eventPackages,
    @DefaultValue("900KB") DataSize maxEventSize,
    @DefaultValue("true") boolean groupAppends,
    @DefaultValue("30s") Duration appendTimeout,
    @DefaultValue("250ms") Duration pollInterval,
    @DefaultValue("directly") Listening listening,
    @DefaultValue Health health) {

  /**
   * How the health indicator asks.
   *
   * @param timeout after which an answer does not wait for the database any more
   * @param maxAge how old an answer may be that is given again without asking the database
   */
  public record Health(
      @DefaultValue("800ms") Duration timeout, @DefaultValue("5s") Duration maxAge) {}
}
