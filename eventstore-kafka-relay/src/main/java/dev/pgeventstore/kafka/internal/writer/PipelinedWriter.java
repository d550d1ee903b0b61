package dev.pgeventstore.kafka.internal.writer;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.lead.Leadership;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.record.Failures;
import dev.pgeventstore.kafka.internal.record.Outgoing;
import dev.pgeventstore.kafka.internal.record.Parcel;
import dev.pgeventstore.spi.Lease;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * At least once: one idempotent producer, which keeps the order, and notes that follow what Kafka
 * has acknowledged. They are kept in the store's database with the lane's lease, so that a writer
 * that has lost it cannot move them any more.
 */
public final class PipelinedWriter implements LaneWriter {

  private static final int MOST_UNDER_WAY = 32;
  private static final long SHORT_WAIT = Duration.ofMillis(1).toNanos();
  private static final long BETWEEN_NOTES = Duration.ofMillis(200).toNanos();
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);

  private final Scheduler scheduler;
  private final Producer<byte[], byte[]> producer;
  private final Lease lease;
  private final Leadership leadership;
  private final TransactionSize size;
  private final OrderedSender sender;
  private final Deque<Load> underWay = new ArrayDeque<>();
  private final Map<String, @Nullable String> unsaved = new HashMap<>();
  private Load current = new Load();
  private long bytesUnderWay;
  private long saved;

  /**
   * A writer.
   *
   * @param lease of the lane
   * @param leadership which the lease gives; it is kept while something is waited for
   * @param size how much may be under way
   */
  public PipelinedWriter(
      KafkaSettings settings, Lease lease, Leadership leadership, TransactionSize size) {
    this.lease = lease;
    this.leadership = leadership;
    this.size = size;
    this.scheduler = settings.scheduler();
    this.producer = settings.clients().producer(settings.idempotentProducer());
    this.sender = new OrderedSender(producer);
    this.saved = scheduler.nanoTime();
  }

  @Override
  public void takeOver() {}

  /** A writer that cannot note anything must not send: it would send the same again and again. */
  @Override
  public LaneNotes read() {
    Map<String, String> found = lease.notes();
    String position = found.get(LaneNotes.POSITION);
    if (position != null && !lease.note(Map.of(LaneNotes.POSITION, position))) {
      throw leaseTaken();
    }
    return new LaneNotes(found);
  }

  @Override
  public void send(Parcel parcel) {
    if (!leadership.isCertain()) {
      abandon();
      throw leadLost();
    }
    Load load = current;
    load.unconfirmed.addAndGet(parcel.records().size());
    load.bytes += parcel.bytes();
    load.sent = scheduler.nanoTime();
    // It is all that ties the records to the database: the notes go back with that.
    @Nullable Header tie = parcel.token().map(Outgoing::tie).orElse(null);
    Runnable pause = this::awaitIntroduction;
    Runnable acknowledged = load.unconfirmed::decrementAndGet;
    try {
      for (Outgoing outgoing : parcel.records()) {
        requireAllWell();
        if (tie != null) {
          outgoing.record().headers().add(tie);
        }
        sender.send(outgoing, load.sent, pause, acknowledged);
      }
    } catch (KafkaException | IllegalStateException e) {
      requireAllWell();
      throw e;
    }
  }

  private void awaitIntroduction() {
    pause();
    requireAllWell();
  }

  private void requireAllWell() {
    KafkaException failure = sender.failure();
    if (failure != null) {
      Load first = underWay.peek();
      if (first != null && Failures.is(failure, TimeoutException.class)) {
        size.timedOut(first.sent, scheduler.nanoTime());
      }
      throw new KafkaException(failure.getMessage(), failure);
    }
  }

  @Override
  public boolean isFull() {
    return true;
  }

  @Override
  public void commit(Map<String, @Nullable String> notes, Runnable done) {
    Load load = current;
    load.notes = new HashMap<>(notes);
    load.done = done;
    underWay.add(load);
    bytesUnderWay += load.bytes;
    current = new Load();
    settle();
    // For the oldest only: the others are to go on meanwhile. Each comes to an end, the producer
    // gives up after its delivery time-out.
    while (underWay.size() >= MOST_UNDER_WAY
        || (underWay.size() > 1 && bytesUnderWay > size.bytes())) {
      awaitSome();
    }
  }

  private void awaitSome() {
    pause();
    settle();
  }

  private void pause() {
    if (!leadership.keep()) {
      abandon();
      throw leadLost();
    }
    scheduler.park(this, SHORT_WAIT);
  }

  @Override
  public void whenSettled(Runnable done) {
    commit(Map.of(), done);
  }

  @Override
  public boolean settle() {
    requireAllWell();
    Load first = underWay.peek();
    while (first != null && first.unconfirmed.get() == 0) {
      underWay.remove();
      size.acknowledged(bytesUnderWay, first.sent, scheduler.nanoTime());
      bytesUnderWay -= first.bytes;
      unsaved.putAll(first.notes);
      first.done.run();
      first = underWay.peek();
    }
    if (!unsaved.isEmpty() && scheduler.nanoTime() - saved > BETWEEN_NOTES) {
      save();
    }
    return first != null || !unsaved.isEmpty();
  }

  private void save() {
    if (!lease.note(unsaved)) {
      throw leaseTaken();
    }
    unsaved.clear();
    saved = scheduler.nanoTime();
  }

  @Override
  public void finish() {
    if (!leadership.isCertain()) {
      // What still waits to be sent would come behind what the next one sends.
      abandon();
      if (!underWay.isEmpty() || !unsaved.isEmpty()) {
        throw leadLost();
      }
      return;
    }
    settle();
    while (!underWay.isEmpty()) {
      awaitSome();
    }
    if (!unsaved.isEmpty()) {
      save();
    }
  }

  private static KafkaException leaseTaken() {
    return new KafkaException("another process has taken the lease, and leads");
  }

  private static KafkaException leadLost() {
    return new KafkaException("the lease expired before it was renewed: another process may lead");
  }

  @Override
  public void abandon() {
    sender.abandon();
  }

  @Override
  public void close() {
    producer.close(sender.failure() == null ? CLOSE_TIMEOUT : Duration.ZERO);
  }

  /** What was sent between two commits. */
  private static final class Load {
    private final AtomicInteger unconfirmed = new AtomicInteger();
    private Map<String, @Nullable String> notes = Map.of();
    private Runnable done = () -> {};
    private long bytes;
    private long sent;
  }
}
