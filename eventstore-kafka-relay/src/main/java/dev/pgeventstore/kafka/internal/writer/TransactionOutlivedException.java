package dev.pgeventstore.kafka.internal.writer;

import org.apache.kafka.common.KafkaException;

/** The broker has aborted a transaction because it took longer than it may. */
public final class TransactionOutlivedException extends KafkaException {

  private static final long serialVersionUID = 1L;

  TransactionOutlivedException(long bytes, int timeoutMillis, Throwable answer) {
    super(
        "a transaction of up to %d bytes was not committed within transaction.timeout.ms, %d ms; the next one will be smaller"
            .formatted(bytes, timeoutMillis),
        answer);
  }
}
