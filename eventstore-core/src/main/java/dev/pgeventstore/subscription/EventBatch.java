package dev.pgeventstore.subscription;

import dev.pgeventstore.RecordedEvent;
import java.sql.Connection;
import java.util.Iterator;
import java.util.List;

/**
 * Some events that a handler is given, and the transaction that they are handled in. For the thread
 * that the handler was called by, until the handler returns. Stores and tests implement it; it may
 * get more methods.
 */
public interface EventBatch extends Iterable<RecordedEvent> {

  /**
   * The events.
   *
   * @return at least one, in position order; unmodifiable. Unless the subscription asks for types,
   *     there may be erased ones among them, see {@link RecordedEvent#isErased()}
   */
  List<RecordedEvent> events();

  /**
   * The connection of the transaction that moves the checkpoint. It refuses to commit, roll back or
   * close; savepoints work. A handler that ends the transaction by other means has failed: the
   * checkpoint does not move, and what it has committed by itself will be written twice. It is a
   * proxy, so use {@code unwrap}. A handler that begins a {@code COPY} must end it. An isolation
   * level can be set first, but not in a replay or by a projection; under one that is stricter than
   * {@code READ COMMITTED} the handler must be done within a third of the lease time.
   *
   * @return of no use after the handler has returned
   */
  Connection connection();

  /**
   * What the events are handled for.
   *
   * @return the name of the subscription, or of the table of a projection that is written by
   *     appends or on demand
   */
  String subscription();

  /**
   * The partition that handles them.
   *
   * @return 0 or more; 0 in a replay
   */
  int partition();

  /**
   * How often these events have been handed to the handler by this node since it took the
   * partition, as far as it knows.
   *
   * @return 1 for the first time; more only for a single event that failed before
   */
  int attempt();

  /**
   * Whether these events were parked and are replayed now.
   *
   * @return false for events that are handled in their regular order
   */
  boolean isReplay();

  /**
   * Whether the subscription is being closed. A handler whose work is long may throw then: the
   * transaction is rolled back, and the events are handled again when the subscription runs again.
   *
   * @return as of now
   */
  boolean isStopping();

  @Override
  default Iterator<RecordedEvent> iterator() {
    return events().iterator();
  }
}
