package dev.pgeventstore.kafka.internal.record;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.OwnHeaders;
import dev.pgeventstore.kafka.internal.position.Token;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.header.Header;

/**
 * A record on its way to Kafka.
 *
 * @param record ready to be sent
 * @param position of what it was made from
 */
public record Outgoing(ProducerRecord<byte[], byte[]> record, Position position) {

  /** Whether both were made from one event or message. */
  boolean isOfTheSame(Outgoing other) {
    return position.equals(other.position);
  }

  /** What lets records say under which token they are sent: the same for all of them. */
  public static Header tie(Token token) {
    return OwnHeaders.of(OwnHeaders.TOKEN, token.toString());
  }

  /**
   * What to throw about one that was refused. It takes its position only: a callback that held the
   * record itself would keep it in the heap until it is acknowledged, with some thousand others,
   * and the garbage collector would take as long to copy them as all the rest takes.
   *
   * @param position of what it was made from
   * @param target where it should have gone
   */
  public static KafkaException refused(
      Position position, RecordMetadata target, Exception failure) {
    String what =
        "the record made at position %s could not be sent to %s-%d: %s"
            .formatted(position, target.topic(), target.partition(), failure.getMessage());
    return Failures.mayBeOfRecord(failure)
        ? new RecordRefusedException(what, position, failure)
        : new KafkaException(what, failure);
  }
}
