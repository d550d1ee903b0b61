package dev.pgeventstore.kafka.internal.record;

import dev.pgeventstore.Position;
import org.apache.kafka.common.KafkaException;

/** Kafka has refused a record, or one of the records that were sent with it in a batch. */
public final class RecordRefusedException extends KafkaException {

  private static final long serialVersionUID = 1L;

  private final long position;

  RecordRefusedException(String message, Position position, Exception answer) {
    super(message, answer);
    this.position = position.value();
  }

  /** Of what the record was made from. If several were refused, of the first. */
  public Position position() {
    return Position.of(position);
  }
}
