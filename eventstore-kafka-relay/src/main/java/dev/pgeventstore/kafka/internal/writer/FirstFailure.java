package dev.pgeventstore.kafka.internal.writer;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.record.Failures;
import dev.pgeventstore.kafka.internal.record.Outgoing;
import dev.pgeventstore.kafka.internal.record.RecordRefusedException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;

/**
 * What went wrong first with the records of a producer: all that comes later comes of it. But of a
 * refused batch the records in front are answered first, which says less than what the refused one
 * is answered. Safe for many threads.
 */
final class FirstFailure {

  private final AtomicReference<@Nullable KafkaException> failure = new AtomicReference<>();

  /**
   * A record could not be sent.
   *
   * @return whether it is the first
   */
  boolean learn(Position position, RecordMetadata target, Exception answer) {
    KafkaException learned = Outgoing.refused(position, target, answer);
    if (failure.compareAndSet(null, learned)) {
      return true;
    }
    if (Failures.isOfRecord(answer)
        && failure.get() instanceof RecordRefusedException before
        && !Failures.isOfRecord(before)) {
      failure.compareAndSet(before, learned);
    }
    return false;
  }

  /** Nothing more is to be sent. */
  void giveUp() {
    failure.compareAndSet(
        null, new KafkaException("it was given up", new IllegalStateException("given up")));
  }

  /** What went wrong; null if nothing did. */
  @Nullable KafkaException get() {
    return failure.get();
  }
}
