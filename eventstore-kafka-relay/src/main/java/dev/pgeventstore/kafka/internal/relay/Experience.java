package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.kafka.internal.clients.Contact;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.record.Refusals;
import dev.pgeventstore.kafka.internal.writer.TransactionSize;
import java.time.Duration;

/**
 * What a lane has learned of Kafka since it was started. It says how to send, and nothing of what:
 * a lane that knows nothing of it, after a take-over, sends the same records and learns it anew.
 *
 * @param refusals which records are refused
 * @param size how much to send at a time
 * @param contact by which Kafka is asked first
 */
public record Experience(Refusals refusals, TransactionSize size, Contact contact) {

  /** Of a lane that has learned nothing yet. */
  public static Experience none(KafkaSettings settings, Duration lease, Contact contact) {
    return new Experience(
        new Refusals(), new TransactionSize(settings.transactionTimeout(), lease), contact);
  }
}
