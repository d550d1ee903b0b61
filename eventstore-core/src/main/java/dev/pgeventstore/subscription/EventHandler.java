package dev.pgeventstore.subscription;

import dev.pgeventstore.RecordedEvent;

/** What a subscription does with its events. */
@FunctionalInterface
public interface EventHandler {

  /**
   * Handles some events. What it writes through the connection of the batch commits together with
   * the subscription's checkpoint, so it happens exactly once. What it does elsewhere happens at
   * least once: use the events' positions or ids to make it idempotent.
   *
   * <p>An interrupt that the handler leaves behind, as after catching an {@link
   * InterruptedException}, is cleared and changes nothing. A subscription that is closed does not
   * interrupt its handler; see {@link EventBatch#isStopping()}.
   *
   * @param batch the events, and the transaction that they are handled in
   * @throws Exception if they cannot be handled: the transaction is rolled back, and the {@link
   *     FailurePolicy} decides what happens next
   */
  void handle(EventBatch batch) throws Exception;

  /**
   * Handles events one by one, in their order.
   *
   * @param handler called for each, also for erased ones
   * @return the handler
   */
  static EventHandler each(Each handler) {
    return batch -> {
      for (RecordedEvent event : batch) {
        handler.handle(event, batch);
      }
    };
  }

  /**
   * Handles events by the classes of their payloads. Add further classes by {@link
   * TypedHandler#on}.
   *
   * @param <E> a class of payloads
   * @param payloadClass this one and its subclasses
   * @param handler called for each such event, in their order
   * @return a handler that ignores all other events, and erased ones
   */
  static <E> TypedHandler on(Class<E> payloadClass, TypedHandler.On<? super E> handler) {
    return TypedHandler.NONE.on(payloadClass, handler);
  }

  /** What is done with one event. */
  @FunctionalInterface
  interface Each {

    /**
     * Handles one event.
     *
     * @param event one of the batch
     * @param batch it came with
     * @throws Exception if it cannot be handled: the transaction is rolled back
     */
    void handle(RecordedEvent event, EventBatch batch) throws Exception;
  }
}
