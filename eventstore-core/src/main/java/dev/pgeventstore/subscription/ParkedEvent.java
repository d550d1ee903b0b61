package dev.pgeventstore.subscription;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import java.time.Instant;
import java.util.Optional;

/**
 * An event that was set aside.
 *
 * @param stream of the event
 * @param version of the event
 * @param position of the event
 * @param attempts how often it was tried alone; 0 if it is parked because one before it in its
 *     stream is
 * @param error what the last attempt failed with; empty if there was none
 * @param parkedAt when it was parked, by the clock of the database
 */
public record ParkedEvent(
    StreamId stream,
    long version,
    Position position,
    int attempts,
    Optional<String> error,
    Instant parkedAt) {}
