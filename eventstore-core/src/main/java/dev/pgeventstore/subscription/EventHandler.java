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
   * @param events at least one, in position order; unless it asks for types, there may be erased
   *     ones among them, see {@link RecordedEvent#isErased()}
   * @param connection of the transaction that moves the checkpoint; do not commit, roll back or
   *     close it
   * @throws Exception if they cannot be handled: the transaction is rolled back, and the {@link
   *     FailurePolicy} says what comes next
   */
  void handle(List<RecordedEvent> events, Connection connection) throws Exception;
}
