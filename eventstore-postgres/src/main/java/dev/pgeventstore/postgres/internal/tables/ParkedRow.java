package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.ParkedEvent;
import java.time.Instant;
import java.util.Optional;

/**
 * An event that was parked.
 *
 * @param stream the stream of the event
 * @param version the version of the event
 * @param position the position of the event
 * @param attempts the number of attempts at this event alone
 * @param error the failure of the last attempt
 * @param parkedAt when it was parked
 */
public record ParkedRow(
    StreamId stream,
    long version,
    Position position,
    int attempts,
    Optional<String> error,
    Instant parkedAt)
    implements ParkedEvent {}
