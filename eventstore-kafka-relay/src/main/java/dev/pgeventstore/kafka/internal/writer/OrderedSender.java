package dev.pgeventstore.kafka.internal.writer;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.record.Outgoing;
import dev.pgeventstore.kafka.internal.writer.Introductions.Target;
import java.time.Duration;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;

/**
 * Sends records in their order until one fails. The thread that learns of that closes the producer
 * before it can send what comes behind, or readers of uncommitted records would miss the record.
 * For one thread, but for {@link #abandon} and what the producer calls back.
 */
final class OrderedSender {

  private final Producer<byte[], byte[]> producer;
  private final FirstFailure failed = new FirstFailure();
  private final Introductions introductions = new Introductions();

  OrderedSender(Producer<byte[], byte[]> producer) {
    this.producer = producer;
  }

  /**
   * Sends a record, once its partition knows the producer.
   *
   * @param pause is called while that is waited for; throws to give up
   * @param acknowledged is called by the producer's thread
   */
  void send(Outgoing outgoing, long now, Runnable pause, Runnable acknowledged) {
    Target target = introductions.of(outgoing.record(), now);
    while (target.isWaitedFor()) {
      pause.run();
    }
    boolean introduces = target.isIntroducedNow();
    Position position = outgoing.position();
    Future<RecordMetadata> unused =
        producer.send(
            outgoing.record(),
            (sent, failure) -> {
              if (failure == null) {
                acknowledged.run();
                if (introduces) {
                  target.known();
                }
              } else if (failed.learn(position, sent, failure)) {
                producer.close(Duration.ZERO);
              }
            });
  }

  /** What went wrong first; null if nothing did. */
  @Nullable KafkaException failure() {
    return failed.get();
  }

  /** Gives up, from any thread. */
  void abandon() {
    failed.giveUp();
    producer.close(Duration.ZERO);
  }
}
