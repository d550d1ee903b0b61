package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import java.time.Instant;

/**
 * A stream whose events are not published until an operator retries or discards them. They are in
 * the store, as all events are. Immutable; it may get more methods.
 */
public interface ParkedStream {

  /** {@return its id} */
  StreamId stream();

  /** {@return the first of its events that was not published} */
  Position since();

  /** {@return when that was found, by the clock of the process that led then} */
  Instant at();

  /** {@return why it could not be published} */
  String reason();
}
