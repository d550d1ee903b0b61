package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import java.time.Instant;

/**
 * A stream whose events are not published until an operator retries or discards them. They are in
 * the store, as all events are.
 *
 * @param stream its id
 * @param since the first of its events that was not published
 * @param at when that was found, by the clock of the process that led then
 * @param reason why it could not be published
 */
public record ParkedStream(StreamId stream, Position since, Instant at, String reason) {}
