package dev.pgeventstore.subscription;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import java.time.Instant;
import java.util.Optional;

/** An event that was set aside. Stores implement it; it may get more methods. */
public interface ParkedEvent {

  /**
   * The stream of the event.
   *
   * @return its id
   */
  StreamId stream();

  /**
   * The number of the event in its stream.
   *
   * @return 1 or more
   */
  long version();

  /**
   * The place of the event in the global order.
   *
   * @return unique in the store
   */
  Position position();

  /**
   * How many attempts it had, alone.
   *
   * @return 0 if it is parked because an earlier event of its stream is
   */
  int attempts();

  /**
   * The failure of the last attempt.
   *
   * @return empty if there was none
   */
  Optional<String> error();

  /**
   * When it was parked, by the clock of the database.
   *
   * @return with microseconds
   */
  Instant parkedAt();
}
