package dev.pgeventstore.spi;

import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import java.time.Instant;

/** A message that waits to be published. Immutable. */
public final class RecordedMessage {

  private final Position position;
  private final OutboxMessage message;
  private final Instant recordedAt;

  private RecordedMessage(Position position, OutboxMessage message, Instant recordedAt) {
    this.position = position;
    this.message = message;
    this.recordedAt = recordedAt;
  }

  /**
   * A message from its stored parts.
   *
   * @param position its place in the global order, which events and messages share
   * @param message what to publish
   * @param recordedAt when the database stored it, by its clock
   * @return the message
   */
  public static RecordedMessage of(Position position, OutboxMessage message, Instant recordedAt) {
    return new RecordedMessage(position, message, recordedAt);
  }

  /**
   * Its place in the global order, which events and messages share.
   *
   * @return unique in the store
   */
  public Position position() {
    return position;
  }

  /**
   * What to publish.
   *
   * @return as it was published
   */
  public OutboxMessage message() {
    return message;
  }

  /**
   * When the database stored it, by its clock.
   *
   * @return with microseconds
   */
  public Instant recordedAt() {
    return recordedAt;
  }

  @Override
  public String toString() {
    return "%s at position %s".formatted(message, position);
  }
}
