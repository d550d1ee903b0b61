package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.ParkedEvent;
import java.time.Instant;
import java.util.Optional;

/**
 * An event that was set aside.
 *
 * @param stream of the event
 * @param version of the event
 * @param position of the event
 * @param attempts how often it was tried alone
 * @param error what the last attempt failed with
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
