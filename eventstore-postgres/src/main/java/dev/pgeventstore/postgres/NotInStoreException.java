package dev.pgeventstore.postgres;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.StreamId;

/** What was to be erased is not in the store: an unknown stream, or no such event. */
public final class NotInStoreException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  private final transient StreamId stream;

  NotInStoreException(StreamId stream, String message) {
    super(message);
    this.stream = stream;
  }

  /**
   * The stream that was to be changed.
   *
   * @return its id
   */
  public StreamId stream() {
    return stream;
  }
}
