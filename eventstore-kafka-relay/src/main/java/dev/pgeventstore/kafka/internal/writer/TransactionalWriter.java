package dev.pgeventstore.kafka.internal.writer;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.record.Failures;
import dev.pgeventstore.kafka.internal.record.Outgoing;
import dev.pgeventstore.kafka.internal.record.Parcel;
import dev.pgeventstore.kafka.internal.topics.PositionTopic;
import dev.pgeventstore.kafka.internal.topics.Topics;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Exactly once: records and notes are one Kafka transaction, and the notes are in the position
 * topic. A writer that takes over fences the others, and ends their transaction, before it reads
 * what they have noted.
 */
public final class TransactionalWriter implements LaneWriter {

  private static final int MOST_RECORDS = 20_000;
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);

  /**
   * A broker answers a commit before the partitions have it. It takes what comes in between for the
   * next transaction's, which has to wait, and looks again only after 20 ms: waiting for less than
   * that is faster.
   */
  private static final long AFTER_A_COMMIT = Duration.ofMillis(4).toNanos();

  private static final long SHORT_WAIT = Duration.ofMillis(1).toNanos();

  private final Scheduler scheduler;
  private final Producer<byte[], byte[]> producer;
  private final KafkaSettings settings;
  private final PositionTopic positions;
  private final Topics topics;
  private final int lane;
  private final TransactionSize size;
  private final OrderedSender sender;

  private long ended;
  private boolean usable;
  private boolean open;
  private long begun;
  private long bytes;
  private int records;

  public TransactionalWriter(
      KafkaSettings settings,
      String transactionalId,
      PositionTopic positions,
      Topics topics,
      int lane,
      TransactionSize size) {
    this.settings = settings;
    this.positions = positions;
    this.topics = topics;
    this.lane = lane;
    this.size = size;
    this.scheduler = settings.scheduler();
    this.ended = scheduler.nanoTime() - AFTER_A_COMMIT;
    this.producer = settings.clients().producer(settings.transactionalProducer(transactionalId));
    this.sender = new OrderedSender(producer);
  }

  @Override
  public void takeOver() {
    producer.initTransactions();
    usable = true;
  }

  @Override
  public LaneNotes read() throws InterruptedException {
    return positions.read(topics, settings, lane);
  }

  @Override
  public void send(Parcel parcel) {
    try {
      usable = false;
      begin();
      Runnable pause = this::pause;
      for (Outgoing outgoing : parcel.records()) {
        requireNoFailure();
        sender.send(outgoing, begun, pause, () -> {});
      }
      bytes += parcel.bytes();
      records += parcel.records().size();
    } catch (KafkaException | IllegalStateException e) {
      throw failed(e);
    }
  }

  private void begin() {
    if (!open) {
      scheduler.park(this, ended + AFTER_A_COMMIT - scheduler.nanoTime());
      producer.beginTransaction();
      open = true;
      begun = scheduler.nanoTime();
      bytes = 0;
      records = 0;
    }
  }

  private void pause() {
    scheduler.park(this, SHORT_WAIT);
    requireNoFailure();
  }

  private void requireNoFailure() {
    if (sender.failure() != null) {
      throw new KafkaException("a record before could not be sent");
    }
  }

  private RuntimeException failed(RuntimeException last) {
    RuntimeException first = first(last);
    boolean outlived =
        Failures.isFenced(first)
            && open
            && scheduler.nanoTime() - begun >= settings.transactionTimeout().toNanos();
    if (outlived || Failures.is(first, TimeoutException.class)) {
      size.timedOut(begun, scheduler.nanoTime());
    }
    return outlived
        ? new TransactionOutlivedException(bytes, settings.transactionTimeoutMillis(), first)
        : first;
  }

  /** What went wrong first says more than what came of it. */
  private RuntimeException first(RuntimeException last) {
    KafkaException first = sender.failure();
    if (first == null || first == last) {
      return last;
    }
    first.addSuppressed(last);
    return first;
  }

  @Override
  public boolean isFull() {
    return bytes >= size.bytes()
        || records >= MOST_RECORDS
        || scheduler.nanoTime() - begun > size.longest();
  }

  @Override
  public void commit(Map<String, @Nullable String> notes, Runnable done) {
    try {
      usable = false;
      begin();
      notes.forEach(
          (name, text) -> {
            // Committing fails if this does.
            Future<RecordMetadata> unused = producer.send(positions.note(lane, name, text));
          });
      producer.commitTransaction();
      ended = scheduler.nanoTime();
      size.acknowledged(bytes, begun, ended);
      open = false;
      usable = true;
    } catch (KafkaException | IllegalStateException e) {
      throw failed(e);
    }
    done.run();
  }

  @Override
  public void whenSettled(Runnable done) {
    done.run();
  }

  @Override
  public boolean settle() {
    return false;
  }

  @Override
  public void finish() {}

  @Override
  public void abandon() {
    sender.abandon();
  }

  @Override
  public void close() {
    // Waiting for what failed could only make its outcome known too late.
    producer.close(usable && !open ? CLOSE_TIMEOUT : Duration.ZERO);
  }
}
