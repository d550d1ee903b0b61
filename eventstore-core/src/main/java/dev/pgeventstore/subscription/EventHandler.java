package dev.pgeventstore.subscription;

import dev.pgeventstore.RecordedEvent;
import java.sql.Connection;
import java.util.List;

/** What a subscription does with its events. */
@FunctionalInterface
public interface EventHandler {

  /**
   * Handles some events. What it writes through the connection commits together with the
   * subscription's checkpoint, so it happens exactly once. What it does elsewhere happens at least
   * once: use the events' positions or ids to make it idempotent.
   *
   * <p>An interrupt that the handler leaves behind, as after catching an {@link
   * InterruptedException}, is cleared and changes nothing. A subscription that is closed does not
   * interrupt its handler.
   *
   * @param events at least one, in position order; unmodifiable. Unless the subscription asks for
   *     types, there may be erased ones among them, see {@link RecordedEvent#isErased()}
   * @param connection of the transaction that moves the checkpoint. It refuses to commit, roll back
   *     or close; savepoints work. A handler that ends the transaction by other means has failed:
   *     the checkpoint does not move, and what it has committed by itself will be there twice. It
   *     is a proxy, so use {@code unwrap}. A {@code COPY} that the handler begins it must end. An
   *     isolation level can be set first, but not in a replay; under one that is stricter than
   *     {@code READ COMMITTED} the handler must be done within a third of the lease time. Of no use
   *     after the handler has returned
   * @throws Exception if they cannot be handled: the transaction is rolled back, and the {@link
   *     FailurePolicy} says what comes next
   */
  void handle(List<RecordedEvent> events, Connection connection) throws Exception;
}
