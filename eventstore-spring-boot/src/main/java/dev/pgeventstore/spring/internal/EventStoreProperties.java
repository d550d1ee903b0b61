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
 * @param enabled Whether there is a store at all.
 * @param dataSource Name of the data source's bean, if there are several and none is primary.
 * @param schema Schema that holds the store's tables.
 * @param migrations What to do with the database's schema when the application starts.
 * @param eventPackages Packages in which, and below which, classes with the annotation EventType
 *     are found. The default is the package of the application's class.
 * @param maxEventSize The most that data and metadata of one event may take together.
 * @param groupAppends Whether appends of several threads that arrive at the same time are committed
 *     together.
 * @param appendTimeout How long appends that are committed together wait for the response.
 * @param pollInterval How often to look for events that no notification announced.
 * @param listening When to listen for what other processes commit.
 * @param health How the health indicator asks.
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
   * @param timeout Time after which an answer does not wait for the database any more.
   * @param maxAge How old an answer may be that is given again without asking the database.
   */
  public record Health(
      @DefaultValue("800ms") Duration timeout, @DefaultValue("5s") Duration maxAge) {}
}
