package dev.pgeventstore.projection;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.spi.ProjectionRegistry;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.QueryMismatchException;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.Subscriptions;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Read models of a store. Safe for many threads.
 *
 * <p>A projection has a name, and versions with tables of their own. One version is live: readers
 * see it. Another is built beside it, from the beginning of the store, while readers use the live
 * one; once it has caught up, {@link Projection#promote} makes it the live one in one transaction.
 */
// Most of this file is documentation.
public final class Projections {

  private static final int PAGE = 500;

  private final EventStore store;
  private final ProjectionRegistry registry;
  private final Subscriptions subscriptions;

  private Projections(EventStore store, ProjectionRegistry registry, Subscriptions subscriptions) {
    this.store = store;
    this.registry = registry;
    this.subscriptions = subscriptions;
  }

  /**
   * Projections of a store.
   *
   * @param store one that keeps projections and runs subscriptions
   * @return what creates them
   * @throws IllegalArgumentException if the store does not
   */
  public static Projections of(EventStore store) {
    return new Projections(
        store,
        store
            .unwrap(ProjectionRegistry.class)
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        store.getClass().getName() + " does not keep projections")),
        Subscriptions.of(store));
  }

  /**
   * Begins to describe a version of a projection that follows the store.
   *
   * @param name of the projection: 1 to 48 lower-case letters, digits and underscores, not starting
   *     with a digit
   * @param version 1 or more
   * @return a builder
   * @throws IllegalArgumentException if one is not allowed
   */
  public Builder create(String name, int version) {
    ProjectionVersion which = new ProjectionVersion(name, version);
    return new Builder(this, which, subscriptions.create(which.subscription()));
  }

  /**
   * The version that readers see.
   *
   * @param name of the projection
   * @return empty if none was promoted
   */
  public OptionalInt liveVersion(String name) {
    return registry.liveVersion(name);
  }

  /**
   * The version that readers see, as a transaction sees it. Under {@code REPEATABLE READ} its table
   * is complete for all of the transaction, whatever is promoted meanwhile.
   *
   * @param name of the projection
   * @param connection of the transaction
   * @return empty if none was promoted
   */
  public OptionalInt liveVersion(String name, Connection connection) {
    return registry.liveVersion(name, connection);
  }

  /**
   * Removes a version that is not live and does not run in this process: its checkpoints, what it
   * has parked, and by {@link ProjectionDefinition#drop} its tables, in one transaction. Where it
   * runs it stops with an error.
   *
   * @param name of the projection
   * @param version which one
   * @param definition removes the tables
   * @return false if there is no such version
   * @throws IllegalStateException if it is the live one
   * @see Projection#drop()
   */
  public boolean drop(String name, int version, ProjectionDefinition definition) {
    return drop(registry, new ProjectionVersion(name, version), definition);
  }

  static boolean drop(
      ProjectionRegistry registry, ProjectionVersion version, ProjectionDefinition definition) {
    return registry.drop(version, connection -> definition.drop(version.table(), connection));
  }

  /**
   * Projects all settled events, answers a question, and leaves nothing behind: tables are created,
   * events handled and the question asked in a transaction that is rolled back.
   *
   * <p>It takes as long as reading these events, with a transaction open and a second connection
   * for reading.
   *
   * @param <T> type of the answer
   * @param query which events
   * @param definition what to do with them
   * @param question asked when all of them are applied
   * @return the answer
   */
  public <T> T onDemand(EventQuery query, ProjectionDefinition definition, Question<T> question) {
    return onDemand(settled(query), definition, question);
  }

  /**
   * Projects the events of one stream, answers a question, and leaves nothing behind.
   *
   * @param <T> type of the answer
   * @param stream whose events
   * @param definition what to do with them
   * @param question asked when all of them are applied
   * @return the answer
   * @see #onDemand(EventQuery, ProjectionDefinition, Question)
   */
  public <T> T onDemand(StreamId stream, ProjectionDefinition definition, Question<T> question) {
    return onDemand(store.readLazily(stream, StreamRange.forwards()), definition, question);
  }

  private <T> T onDemand(
      Stream<RecordedEvent> events, ProjectionDefinition definition, Question<T> question) {
    // Nobody sees it, but names exclude each other even before they are committed.
    String table = "on_demand_" + UUID.randomUUID().toString().replace('-', '_');
    return registry.tentatively(
        connection -> {
          definition.create(table, connection);
          List<RecordedEvent> some = new ArrayList<>(PAGE);
          Iterator<RecordedEvent> each = events.iterator();
          while (each.hasNext()) {
            some.add(each.next());
            if (some.size() == PAGE || !each.hasNext()) {
              definition.handle(
                  table, new ProjectedBatch(table, Collections.unmodifiableList(some), connection));
              some = new ArrayList<>(PAGE);
            }
          }
          return question.ask(table, connection);
        });
  }

  private Stream<RecordedEvent> settled(EventQuery query) {
    Position mark = store.highWaterMark();
    return store
        .readLazily(query, Position.START)
        .takeWhile(event -> !event.position().isAfter(mark));
  }

  /**
   * A question to a table.
   *
   * @param <T> type of the answer
   */
  @FunctionalInterface
  public interface Question<T> {

    /**
     * Asks.
     *
     * @param table that the events were applied to
     * @param connection of the transaction in which it exists
     * @return the answer
     * @throws Exception if it cannot be asked
     */
    T ask(String table, Connection connection) throws Exception;
  }

  /** Describes a version of a projection. For one thread. */
  public static final class Builder {

    private final Projections projections;
    private final ProjectionVersion version;
    private final Subscriptions.Builder subscription;
    private @Nullable ProjectionDefinition definition;

    private Builder(
        Projections projections, ProjectionVersion version, Subscriptions.Builder subscription) {
      this.projections = projections;
      this.version = version;
      this.subscription = subscription;
    }

    /**
     * Only events that match. The default is all events. Another query makes another version.
     *
     * @param wanted which events
     * @return this builder
     */
    public Builder query(EventQuery wanted) {
      subscription.query(wanted);
      return this;
    }

    /**
     * Only events of streams in one of these categories.
     *
     * @param names at least one
     * @return this builder
     */
    public Builder category(String... names) {
      subscription.category(names);
      return this;
    }

    /**
     * Only events of these classes.
     *
     * @param payloadClasses registered with the store's codec
     * @return this builder
     * @throws IllegalArgumentException if one is not registered
     */
    public Builder types(Class<?>... payloadClasses) {
      subscription.types(payloadClasses);
      return this;
    }

    /**
     * Into how many parts the events are divided, by their streams. The default is 1. See {@link
     * Subscriptions.Builder#partitions}.
     *
     * @param number 1 to 64; two versions need not have the same number
     * @return this builder
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder partitions(int number) {
      subscription.partitions(number);
      return this;
    }

    /**
     * The most events for one call of the definition. The default is 500.
     *
     * @param events 1 to 10,000
     * @return this builder
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder batchSize(int events) {
      subscription.batchSize(events);
      return this;
    }

    /**
     * What to do when the definition fails. The default is three retries, and then to stop.
     *
     * @param policy how often to retry, and what then
     * @return this builder
     */
    public Builder onFailure(FailurePolicy policy) {
      subscription.onFailure(policy);
      return this;
    }

    /**
     * The listener that is notified of what happens in this process. Default: none.
     *
     * @param who called by the threads that handle events
     * @return this builder
     */
    public Builder listener(SubscriptionListener who) {
      subscription.listener(who);
      return this;
    }

    /**
     * What the projection is made of. Required.
     *
     * @param what tables, and what events do to them
     * @return this builder
     */
    public Builder definition(ProjectionDefinition what) {
      this.definition = what;
      return this;
    }

    /**
     * Starts it: makes its tables, unless another node has done so, and follows the store from the
     * beginning, or from where it stopped.
     *
     * @return the running version
     * @throws VersionDroppedException if this version was dropped, or does not exist and is older
     *     than one that readers have seen
     * @throws IllegalStateException if there is no definition, or if it runs in this store already
     * @throws QueryMismatchException if this version is declared with another query: give the new
     *     one a new version. Nothing was changed, and nodes that run it continue
     */
    public Projection start() {
      ProjectionDefinition what = definition;
      if (what == null) {
        throw new IllegalStateException(version + " has no definition");
      }
      ProjectionRegistry registry = projections.registry;
      ProjectionRegistry.Step create = connection -> what.create(version.table(), connection);
      registry.register(version, create);
      Subscription running = follow(subscription.handler(handler(what, registry)));
      try {
        // Another node may have dropped it before the subscription had checkpoints to remove.
        registry.register(version, create);
      } catch (RuntimeException e) {
        running.close();
        if (e instanceof VersionDroppedException) {
          registry.drop(version, connection -> {});
        }
        throw e;
      }
      return new Projection(projections.store, registry, version, what, running);
    }

    private Subscription follow(Subscriptions.Builder described) {
      try {
        return described.start();
      } catch (QueryMismatchException e) {
        QueryMismatchException mismatch =
            new QueryMismatchException(
                "%s is made of [%s], not of [%s]: its table would hold some events of each. Give the changed query a new version; nothing was changed"
                    .formatted(version, e.declared(), e.refused()),
                e.declared(),
                e.refused());
        mismatch.initCause(e);
        throw mismatch;
      }
    }

    private EventHandler handler(ProjectionDefinition what, ProjectionRegistry registry) {
      return batch -> {
        if (!registry.isRegistered(version, batch.connection())) {
          throw new IllegalStateException(version + " was dropped");
        }
        what.handle(version.table(), batch);
      };
    }
  }
}
