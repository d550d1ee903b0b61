package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.RecordedEvent;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * Hands each record to the handler for its type, the header {@code ce_type}. As safe for many
 * threads as the handlers are.
 *
 * <p>Types without a handler are skipped, and not decoded. That is the default because a topic has
 * many readers, each of which wants a few types, and a producer that publishes a new type must not
 * stop all readers. A reader that must know every type says {@code
 * otherwise(EventRouter.failing())}; so does one that will want a type later, since what was passed
 * over counts as handled.
 */
public final class EventRouter implements RelayedHandler {

  private final Map<String, RecordHandler> routes;
  private final RecordHandler otherwise;

  private EventRouter(Map<String, RecordHandler> routes, RecordHandler otherwise) {
    this.routes = routes;
    this.otherwise = otherwise;
  }

  /**
   * Begins a router.
   *
   * @param codec knows the names of the types
   * @return options
   */
  public static Builder builder(EventCodec codec) {
    return new Builder(codec);
  }

  /**
   * For {@link Builder#otherwise}: records of unknown types, and without a type, fail.
   *
   * @return a handler that always throws
   */
  public static RecordHandler failing() {
    return context -> {
      throw new IllegalStateException(
          "nobody handles type %s of %s"
              .formatted(context.record().type().orElse("(none)"), context.record()));
    };
  }

  @Override
  public void handle(RelayedBatch batch) throws Exception {
    for (RelayedRecord record : batch) {
      record
          .type()
          .map(type -> routes.getOrDefault(type, otherwise))
          .orElse(otherwise)
          .handle(new RecordContext(record, batch));
    }
  }

  /** What to do with one record. */
  @FunctionalInterface
  public interface RecordHandler {

    /**
     * Handles a record.
     *
     * @param context the record, an event's or a message's, and the transaction
     * @throws Exception if it cannot be handled
     */
    void handle(RecordContext context) throws Exception;
  }

  /**
   * What to do with one event.
   *
   * @param <T> its class
   */
  @FunctionalInterface
  public interface PayloadHandler<T> {

    /**
     * Handles an event.
     *
     * @param payload decoded, in its current shape
     * @param context the record that it came with, and the transaction
     * @throws Exception if it cannot be handled
     */
    void handle(T payload, RecordContext context) throws Exception;
  }

  /** Options of a router. For one thread. */
  public static final class Builder {

    private final EventCodec codec;
    private final Map<String, RecordHandler> routes = new HashMap<>();
    private RecordHandler otherwise = context -> {};

    private Builder(EventCodec codec) {
      this.codec = Objects.requireNonNull(codec, "codec");
    }

    /**
     * Handles events of a class, decoded.
     *
     * @param type a class that the codec has a name for
     * @param handler called for each, in order
     * @param <T> the class
     * @return this
     * @throws IllegalArgumentException if the class has no name, or its name a handler
     */
    public <T> Builder on(Class<T> type, PayloadHandler<? super T> handler) {
      Objects.requireNonNull(handler, "handler");
      return on(
          codec.typeName(type),
          context -> handler.handle(type.cast(context.record().event().payload()), context));
    }

    /**
     * Handles events whose content was erased, whatever they were.
     *
     * @param handler called for each, in order
     * @return this
     * @throws IllegalArgumentException if they have a handler
     */
    public Builder onErased(RecordHandler handler) {
      return on(RecordedEvent.ERASED_TYPE, handler);
    }

    /**
     * Handles events and messages of a type, not decoded.
     *
     * @param type as in {@code ce_type}
     * @param handler called for each, in order
     * @return this
     * @throws IllegalArgumentException if the type has a handler
     */
    public Builder on(String type, RecordHandler handler) {
      if (routes.putIfAbsent(type, Objects.requireNonNull(handler, "handler")) != null) {
        throw new IllegalArgumentException("type %s has a handler already".formatted(type));
      }
      return this;
    }

    /**
     * Handles everything else: other types, and records without a type. The default is to skip
     * them.
     *
     * @param handler called for each, in order
     * @return this
     */
    public Builder otherwise(RecordHandler handler) {
      this.otherwise = Objects.requireNonNull(handler, "handler");
      return this;
    }

    /**
     * Makes the router.
     *
     * @return the router
     */
    public EventRouter build() {
      return new EventRouter(Map.copyOf(routes), otherwise);
    }
  }
}
