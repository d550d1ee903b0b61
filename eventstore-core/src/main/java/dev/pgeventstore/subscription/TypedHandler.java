package dev.pgeventstore.subscription;

import dev.pgeventstore.RecordedEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Passes each event to the handler of its class. Immutable, and as safe for many threads as the
 * parts are.
 *
 * <p>Events of other classes are ignored, and so are erased ones unless {@link #onErased} is set.
 * An event is decoded to learn its class: let the subscription's query match only the types that
 * are handled ({@link Subscriptions.Builder#types}), and others are not even read.
 */
public final class TypedHandler implements EventHandler {

  static final TypedHandler NONE = new TypedHandler(List.of(), null);

  private final List<Route<?>> routes;
  private final @Nullable Erased erased;

  private TypedHandler(List<Route<?>> routes, @Nullable Erased erased) {
    this.routes = routes;
    this.erased = erased;
  }

  /**
   * The same, for one more class. An event whose class fits several is handed to the first of them.
   *
   * @param <E> a class of payloads
   * @param payloadClass this one and its subclasses
   * @param handler called for each such event, in their order
   * @return a larger copy
   * @throws IllegalArgumentException if no event would get there: an earlier class covers it
   */
  public <E> TypedHandler on(Class<E> payloadClass, On<? super E> handler) {
    Objects.requireNonNull(handler, "the handler is null");
    for (Route<?> route : routes) {
      if (route.payloadClass.isAssignableFrom(payloadClass)) {
        throw new IllegalArgumentException(
            "%s has a handler already, that for %s: name the narrower class first"
                .formatted(payloadClass.getName(), route.payloadClass.getName()));
      }
    }
    List<Route<?>> more = new ArrayList<>(routes);
    more.add(new Route<>(payloadClass, handler));
    return new TypedHandler(List.copyOf(more), erased);
  }

  /**
   * The same, for events that were erased, whatever they were.
   *
   * @param handler called for each such event, in its turn
   * @return a larger copy
   */
  public TypedHandler onErased(Erased handler) {
    return new TypedHandler(routes, Objects.requireNonNull(handler, "the handler is null"));
  }

  @Override
  public void handle(EventBatch batch) throws Exception {
    for (RecordedEvent event : batch) {
      EventContext context = new EventContext(event, batch);
      if (event.isErased()) {
        if (erased != null) {
          erased.handle(context);
        }
      } else {
        handle(event.payload(), context);
      }
    }
  }

  private void handle(Object payload, EventContext context) throws Exception {
    for (Route<?> route : routes) {
      if (route.payloadClass.isInstance(payload)) {
        route.handle(payload, context);
        return;
      }
    }
  }

  /**
   * What is done with events of a class.
   *
   * @param <E> the class
   */
  @FunctionalInterface
  public interface On<E> {

    /**
     * Handles one event.
     *
     * @param payload decoded, in its current shape
     * @param context the event and the batch that it came with
     * @throws Exception if it cannot be handled: the transaction is rolled back
     */
    void handle(E payload, EventContext context) throws Exception;
  }

  /** What is done with erased events. */
  @FunctionalInterface
  public interface Erased {

    /**
     * Handles one event.
     *
     * @param context the event, without its content, and the batch that it came with
     * @throws Exception if it cannot be handled: the transaction is rolled back
     */
    void handle(EventContext context) throws Exception;
  }

  private record Route<E>(Class<E> payloadClass, On<? super E> handler) {

    void handle(Object payload, EventContext context) throws Exception {
      handler.handle(payloadClass.cast(payload), context);
    }
  }
}
