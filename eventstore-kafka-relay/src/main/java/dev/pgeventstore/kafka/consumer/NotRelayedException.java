package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.EventStoreException;
import org.jspecify.annotations.Nullable;

/** A record is not the relay's, or its headers are damaged. The message names header and offset. */
public final class NotRelayedException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  NotRelayedException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
