package dev.pgeventstore.kafka;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;

/**
 * Sends events and the position they bring the lane to, in one transaction. When anything fails it
 * is of no more use: whether the transaction was committed is told by the position topic alone.
 */
final class LaneProducer implements AutoCloseable {

  private static final int MOST_BYTES = 4 * 1024 * 1024;
  private static final int LOOK_AT_THE_CLOCK_EVERY = 64;
  private static final Duration FAREWELL = Duration.ofSeconds(5);

  private final Producer<byte[], byte[]> producer;
  private final PositionTopic positions;
  private final int lane;
  private final long longest;
  private boolean usable;

  LaneProducer(KafkaSettings settings, String transactionalId, PositionTopic positions, int lane) {
    this.producer = new KafkaProducer<>(settings.producer(transactionalId));
    this.positions = positions;
    this.lane = lane;
    this.longest = Duration.ofMillis(settings.transactionTimeoutMillis()).toNanos() / 4;
  }

  /** Fences every other producer of this lane and ends its transaction. */
  void takeOver() {
    producer.initTransactions();
    usable = true;
  }

  /**
   * Moves the position and sends nothing.
   *
   * @return 0, the number of events
   * @throws KafkaException if it failed or its outcome is unknown
   */
  int moveTo(LaneState state, LanePosition position) {
    usable = false;
    producer.beginTransaction();
    post(positions.position(lane, position));
    producer.commitTransaction();
    state.committed(position);
    usable = true;
    return 0;
  }

  /**
   * Sends events: as many as a transaction should have.
   *
   * @return how many of them
   * @throws KafkaException if it failed or its outcome is unknown
   */
  int send(List<Outgoing> events, LaneState state) {
    usable = false;
    AtomicReference<KafkaException> refused = new AtomicReference<>();
    try {
      producer.beginTransaction();
      int sent = sendSome(events, refused);
      LanePosition reached = state.position().at(events.get(sent - 1).event());
      lastSent(events.subList(0, sent))
          .forEach((partition, place) -> post(positions.lastSent(lane, partition, place)));
      post(positions.position(lane, reached));
      producer.commitTransaction();
      state.committed(reached);
      usable = true;
      return sent;
    } catch (KafkaException e) {
      KafkaException first = refused.get();
      if (first != null && first != e) {
        first.addSuppressed(e);
        throw first;
      }
      throw e;
    }
  }

  private int sendSome(List<Outgoing> events, AtomicReference<KafkaException> refused) {
    long begun = System.nanoTime();
    long bytes = 0;
    int sent = 0;
    for (Outgoing event : events) {
      Future<RecordMetadata> unused =
          producer.send(event.record(), (metadata, failure) -> note(failure, event, refused));
      sent++;
      bytes += event.bytes();
      boolean lookAtTheClock = sent % LOOK_AT_THE_CLOCK_EVERY == 0;
      if (bytes >= MOST_BYTES || (lookAtTheClock && System.nanoTime() - begun > longest)) {
        break;
      }
    }
    return sent;
  }

  private static void note(
      @Nullable Exception failure, Outgoing event, AtomicReference<KafkaException> refused) {
    if (failure != null) {
      refused.compareAndSet(
          null,
          new KafkaException(
              "event %s at position %s could not be sent: %s"
                  .formatted(event.event().id(), event.event().position(), failure.getMessage()),
              failure));
    }
  }

  private void post(ProducerRecord<byte[], byte[]> record) {
    // Committing fails if this does.
    Future<RecordMetadata> unused = producer.send(record);
  }

  private static Map<Integer, RecordPlace> lastSent(List<Outgoing> events) {
    Map<Integer, RecordPlace> last = new HashMap<>();
    events.forEach(event -> last.put(event.partition(), event.place()));
    return last;
  }

  @Override
  public void close() {
    // Waiting for what failed could only make its outcome known too late.
    producer.close(usable ? FAREWELL : Duration.ZERO);
  }
}
