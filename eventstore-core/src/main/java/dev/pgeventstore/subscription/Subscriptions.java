package dev.pgeventstore.subscription;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.SubscriptionHost;
import dev.pgeventstore.spi.SubscriptionSpec;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Creates subscriptions of a store. Safe for many threads.
 *
 * <p>Every committed event that a subscription wants reaches its handler, in position order. None
 * is skipped, whatever else happens in the database.
 */
// Most of this file is documentation.
public final class Subscriptions {

  private final EventStore store;
  private final SubscriptionHost host;

  private Subscriptions(EventStore store, SubscriptionHost host) {
    this.store = store;
    this.host = host;
  }

  /**
   * Subscriptions of a store.
   *
   * @param store one that runs subscriptions
   * @return what creates them
   * @throws IllegalArgumentException if the store runs none
   */
  public static Subscriptions of(EventStore store) {
    return new Subscriptions(
        store,
        store
            .unwrap(SubscriptionHost.class)
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        store.getClass().getName() + " does not run subscriptions")));
  }

  /**
   * Begins to describe a subscription to all events.
   *
   * @param name under which its checkpoint is kept: 1 to 100 characters
   * @return a builder
   * @throws IllegalArgumentException if the name is blank, too long, or has a control character or
   *     half a surrogate pair
   */
  public Builder create(String name) {
    return new Builder(store, host, name);
  }

  /**
   * The checkpoint of a subscription, as a transaction sees it. Read in the same snapshot as a
   * view, under {@code REPEATABLE READ} or in one statement, it says which events the view shows:
   * follow the store from there ({@link FollowerBuilder#load}), and none is missed or shown twice.
   * With several partitions some are ahead: what they have handled is returned again.
   *
   * @param name of the subscription
   * @param connection of the transaction
   * @return the lowest checkpoint of its partitions; {@link Position#START} if it was never started
   */
  public Position position(String name, Connection connection) {
    return host.position(name, connection);
  }

  /**
   * Begins to describe a reader of this process alone, without a checkpoint.
   *
   * @param query which events
   * @return a builder
   * @throws IllegalArgumentException if the store cannot be followed
   */
  public FollowerBuilder follow(EventQuery query) {
    return new FollowerBuilder(
        store
            .unwrap(EventFeed.class)
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        store.getClass().getName() + " cannot be followed")),
        query);
  }

  /** Describes a subscription. For one thread. */
  public static final class Builder {

    private static final SubscriptionListener NOBODY = new SubscriptionListener() {};

    private final EventStore store;
    private final SubscriptionHost host;
    private final String name;
    private EventQuery query = EventQuery.all();
    private final List<EventQuery> replaced = new ArrayList<>();
    private Start start = Start.beginning();
    private int batchSize = 500;
    private int partitions = 1;
    private FailurePolicy failurePolicy = FailurePolicy.retry(3).thenStop();
    private Duration leaseTime = Duration.ofSeconds(15);
    private Duration unhealthyAfter = Duration.ofMinutes(1);
    private SubscriptionListener listener = NOBODY;
    private @Nullable EventHandler handler;

    private Builder(EventStore store, SubscriptionHost host, String name) {
      if (name.isBlank() || name.length() > 100 || name.codePoints().anyMatch(Builder::isRefused)) {
        throw new IllegalArgumentException(
            "a subscription's name has 1 to 100 characters, no control characters and no half of a surrogate pair, unlike '%s'"
                .formatted(name));
      }
      this.store = store;
      this.host = host;
      this.name = name;
    }

    /**
     * Half a surrogate pair is stored as a question mark: another name than the one that is asked.
     */
    private static boolean isRefused(int codePoint) {
      return Character.isISOControl(codePoint)
          || Character.getType(codePoint) == Character.SURROGATE;
    }

    /**
     * Only events that match. The default is all events.
     *
     * <p>The first start of a subscription declares its query, for all nodes. A node that declares
     * another one does not join ({@link QueryMismatchException}), unless it says which one it
     * replaces: {@link #replacing}.
     *
     * @param wanted which events
     * @return this builder
     */
    public Builder query(EventQuery wanted) {
      this.query = Objects.requireNonNull(wanted, "the query of a subscription is null");
      return this;
    }

    /**
     * Only events of streams in one of these categories.
     *
     * @param names at least one
     * @return this builder
     */
    public Builder category(String... names) {
      return query(query.categories(names));
    }

    /**
     * Only events of these classes.
     *
     * @param payloadClasses registered with the store's codec
     * @return this builder
     * @throws IllegalArgumentException if one is not registered
     */
    public Builder types(Class<?>... payloadClasses) {
      EventCodec codec = store.unwrap(EventCodec.class).orElseThrow();
      return query(
          query.types(Stream.of(payloadClasses).map(codec::typeName).toArray(String[]::new)));
    }

    /**
     * An earlier query of this subscription, which that of this builder replaces when it starts. If
     * the subscription is declared with neither, the start is refused. Call it once for each query
     * that may still be the declared one. It may stay in the code: where the query was replaced
     * already, it does nothing.
     *
     * <p>From the checkpoints on, the new query applies. Earlier events that only the new query
     * matches are not handled: for these use a new name, or a new version of a projection. What is
     * parked stays parked, and is replayed by the new handler. Nodes that run with the earlier
     * query commit nothing any more, and fail with {@link QueryMismatchException}; if they are
     * restarted with it, they are refused.
     *
     * @param earlier as it was declared; types whose classes are gone by {@link EventQuery#types}
     * @return this builder
     */
    public Builder replacing(EventQuery earlier) {
      replaced.add(Objects.requireNonNull(earlier, "the earlier query is null"));
      return this;
    }

    /**
     * Where to start if there is no checkpoint of this name; if there is one, this is ignored. The
     * default is the beginning.
     *
     * @param where beginning, end, or a position
     * @return this builder
     */
    public Builder startAt(Start where) {
      this.start = Objects.requireNonNull(where, "the start of a subscription is null");
      return this;
    }

    /**
     * The most events for one call of the handler. The default is 500.
     *
     * @param events 1 to 10,000
     * @return this builder
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder batchSize(int events) {
      if (events < 1 || events > 10_000) {
        throw new IllegalArgumentException("a batch size is 1 to 10,000, not " + events);
      }
      this.batchSize = events;
      return this;
    }

    /**
     * Into how many parts the events are divided, by their streams. Each is handled by one thread,
     * in the order of its events, with a checkpoint of its own; the nodes on which a subscription
     * of this name runs share them. The default is 1.
     *
     * <p>If the subscription has run with another number, its partitions stop at one position, and
     * continue from there in the new number. Nodes that still run with the old number take it over.
     *
     * @param number 1 to 64
     * @return this builder
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder partitions(int number) {
      if (number < 1 || number > 64) {
        throw new IllegalArgumentException("partitions are 1 to 64, not " + number);
      }
      this.partitions = number;
      return this;
    }

    /**
     * What to do when the handler fails. The default is three retries, and then to stop.
     *
     * @param policy how often to retry, and what then
     * @return this builder
     */
    public Builder onFailure(FailurePolicy policy) {
      this.failurePolicy = Objects.requireNonNull(policy, "the failure policy is null");
      return this;
    }

    /**
     * How long a node that no longer responds keeps its partitions. A handler may take longer: its
     * lease is renewed meanwhile. The default is 15 seconds.
     *
     * @param time 1 second to 1 hour
     * @return this builder
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder leaseTime(Duration time) {
      if (time.compareTo(Duration.ofSeconds(1)) < 0 || time.compareTo(Duration.ofHours(1)) > 0) {
        throw new IllegalArgumentException("a lease lasts a second to an hour, not " + time);
      }
      this.leaseTime = time;
      return this;
    }

    /**
     * How long the subscription may be behind without moving, or the high-water mark be held back,
     * before the status is no longer healthy. The default is one minute.
     *
     * @param time more than 0
     * @return this builder
     * @throws IllegalArgumentException if it is not
     */
    public Builder unhealthyAfter(Duration time) {
      if (time.isNegative() || time.isZero()) {
        throw new IllegalArgumentException("the time is more than nothing, not " + time);
      }
      this.unhealthyAfter = time;
      return this;
    }

    /**
     * The listener that is notified of what the subscription does in this process. Default: none.
     *
     * @param who called by the threads that handle events
     * @return this builder
     */
    public Builder listener(SubscriptionListener who) {
      this.listener = Objects.requireNonNull(who, "the listener is null");
      return this;
    }

    /**
     * What to do with the events. Required.
     *
     * @param what called by one thread for each partition
     * @return this builder
     */
    public Builder handler(EventHandler what) {
      this.handler = Objects.requireNonNull(what, "the handler is null");
      return this;
    }

    /**
     * Starts the subscription. It runs in threads of its own, once it has leases. One that had
     * stopped with an error retries.
     *
     * @return the running subscription
     * @throws IllegalStateException if there is no handler
     * @throws IllegalArgumentException if the start lies beyond the high-water mark
     * @throws QueryMismatchException if the subscription is declared with another query, which this
     *     one does not replace; nothing was changed, and nodes that run it continue
     */
    public Subscription start() {
      if (handler == null) {
        throw new IllegalStateException("subscription '" + name + "' has no handler");
      }
      return host.start(
          new Spec(
              name,
              query,
              List.copyOf(replaced),
              start,
              batchSize,
              partitions,
              failurePolicy,
              leaseTime,
              unhealthyAfter,
              listener,
              handler));
    }

    private record Spec(
        String name,
        EventQuery query,
        List<EventQuery> replaced,
        Start start,
        int batchSize,
        int partitions,
        FailurePolicy failurePolicy,
        Duration leaseTime,
        Duration unhealthyAfter,
        SubscriptionListener listener,
        EventHandler handler)
        implements SubscriptionSpec {}
  }
}
