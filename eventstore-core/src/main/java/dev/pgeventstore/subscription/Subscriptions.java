package dev.pgeventstore.subscription;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Creates subscriptions of a store. Safe for many threads.
 *
 * <p>Every committed event that a subscription wants reaches its handler, in position order. None
 * is skipped, whatever else goes on in the database.
 */
public final class Subscriptions {

  private final SubscriptionHost host;

  private Subscriptions(SubscriptionHost host) {
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
    if (store instanceof SubscriptionHost host) {
      return new Subscriptions(host);
    }
    throw new IllegalArgumentException(store.getClass().getName() + " does not run subscriptions");
  }

  /**
   * Begins to describe a subscription to all events.
   *
   * @param name under which its checkpoint is kept: 1 to 100 characters
   * @return a builder
   * @throws IllegalArgumentException if the name is blank, too long, or has a control character
   */
  public Builder create(String name) {
    return new Builder(host, name);
  }

  /** Describes a subscription. For one thread. */
  public static final class Builder {

    private final SubscriptionHost host;
    private final String name;
    private EventQuery query = EventQuery.all();
    private Start start = Start.beginning();
    private int batchSize = 500;
    private @Nullable EventHandler handler;

    private Builder(SubscriptionHost host, String name) {
      if (name.isBlank()
          || name.length() > 100
          || name.codePoints().anyMatch(Character::isISOControl)) {
        throw new IllegalArgumentException(
            "a subscription's name has 1 to 100 characters and no control characters, unlike '%s'"
                .formatted(name));
      }
      this.host = host;
      this.name = name;
    }

    /**
     * Only events that match. The default is all events.
     *
     * @param wanted which events
     * @return this builder
     */
    public Builder query(EventQuery wanted) {
      this.query = wanted;
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
      return query(
          query.types(
              Stream.of(payloadClasses).map(host.codec()::typeName).toArray(String[]::new)));
    }

    /**
     * Where to start if there is no checkpoint of this name. The default is the beginning.
     *
     * @param where beginning, end, or a position
     * @return this builder
     */
    public Builder startAt(Start where) {
      this.start = where;
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
     * What to do with the events. Required.
     *
     * @param what called by one thread
     * @return this builder
     */
    public Builder handler(EventHandler what) {
      this.handler = what;
      return this;
    }

    /**
     * Starts the subscription in a thread of its own.
     *
     * @return the running subscription
     * @throws IllegalStateException if there is no handler
     * @throws IllegalArgumentException if the start lies beyond the high-water mark
     */
    public Subscription start() {
      if (handler == null) {
        throw new IllegalStateException("subscription '" + name + "' has no handler");
      }
      return host.start(new SubscriptionSpec(name, query, start, batchSize, handler));
    }
  }
}
