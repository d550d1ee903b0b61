package dev.pgeventstore.spi;

import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import java.time.Instant;

/**
 * A message that waits to be published.
 *
 * @param position its place in the global order, in which events and messages stand together
 * @param message what to publish
 * @param recordedAt when the database stored it, by its clock
 */
public record RecordedMessage(Position position, OutboxMessage message, Instant recordedAt) {}
