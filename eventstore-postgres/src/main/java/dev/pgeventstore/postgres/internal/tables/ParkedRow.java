package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.ParkedEvent;
import java.time.Instant;
import java.util.Optional;

/**
 * An event that was parked.
 *
 * @param stream of the event
 * @param version of the event
 * @param position of the event
 * @param attempts how many attempts it had, alone
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
