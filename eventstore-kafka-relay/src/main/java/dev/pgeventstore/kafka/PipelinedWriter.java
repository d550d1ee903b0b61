package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.feed.Lease;
import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;

/**
 * At least once: one idempotent producer, which keeps the order, and notes that follow what Kafka
 * has acknowledged. They are kept in the store's database with the lane's lease, so that whoever
 * lost that cannot move them any more.
 *
 * <p>The first record that fails ends it: the producer is closed by the thread that learns of it,
 * before it can send what comes behind.
 */
final class PipelinedWriter implements LaneWriter {

  private static final int MOST_UNDER_WAY = 32;
  private static final long SHORT_WAIT = Duration.ofMillis(1).toNanos();
  private static final long BETWEEN_NOTES = Duration.ofMillis(200).toNanos();
  private static final Duration FAREWELL = Duration.ofSeconds(5);

  private final Scheduler scheduler;
  private final Producer<byte[], byte[]> producer;
  private final Lease lease;
  private final BooleanSupplier leads;
  private final FirstFailure failed = new FirstFailure();
  private final Deque<Load> underWay = new ArrayDeque<>();
  private final Map<String, @Nullable String> unsaved = new HashMap<>();
  private Load current = new Load();
  private long saved;

  /**
   * A writer.
   *
   * @param lease of the lane
   * @param leads whether it is held for certain, without asking
   */
  PipelinedWriter(KafkaSettings settings, Lease lease, BooleanSupplier leads) {
    this.lease = lease;
    this.leads = leads;
    this.scheduler = settings.scheduler();
    this.saved = scheduler.nanoTime();
    this.producer = settings.clients().producer(settings.idempotentProducer());
  }

  @Override
  public void takeOver() {}

  /** Who cannot note anything must not send: it would send the same again and again. */
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
    if (!leads.getAsBoolean()) {
      abandon();
      throw leadLost();
    }
    Load load = current;
    load.unconfirmed.addAndGet(parcel.records().size());
    try {
      for (Outgoing outgoing : parcel.records()) {
        requireAllWell();
        // It is all that ties the record to the database: the notes go back with that.
        parcel.token().ifPresent(outgoing::tie);
        Position position = outgoing.position();
        Future<RecordMetadata> unused =
            producer.send(
                outgoing.record(), (target, failure) -> learn(failure, position, target, load));
      }
    } catch (KafkaException | IllegalStateException e) {
      requireAllWell();
      throw e;
    }
  }

  private void learn(
      @Nullable Exception failure, Position position, RecordMetadata target, Load load) {
    if (failure == null) {
      load.unconfirmed.decrementAndGet();
    } else if (failed.learn(position, target, failure)) {
      // By the thread that sends: it sends nothing more.
      producer.close(Duration.ZERO);
    }
  }

  private void requireAllWell() {
    KafkaException failure = failed.get();
    if (failure != null) {
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
    current = new Load();
    settle();
    // For the oldest only: the others are to go on meanwhile. Each comes to an end, the producer
    // gives up after its delivery time-out.
    while (underWay.size() >= MOST_UNDER_WAY) {
      scheduler.park(this, SHORT_WAIT);
      settle();
    }
  }

  /** What lingers is sent, and answered: whatever comes meanwhile goes together. */
  @Override
  public void push() {
    if (!underWay.isEmpty()) {
      flush();
      settle();
    }
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
      unsaved.putAll(first.notes);
      first.done.run();
      first = underWay.peek();
    }
    if (!unsaved.isEmpty() && scheduler.nanoTime() - saved > BETWEEN_NOTES) {
      save();
    }
    return first != null || !unsaved.isEmpty();
  }

  private void flush() {
    producer.flush();
    requireAllWell();
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
    if (!leads.getAsBoolean()) {
      // What still waits to be sent would come behind what the next one sends.
      abandon();
      if (!underWay.isEmpty() || !unsaved.isEmpty()) {
        throw leadLost();
      }
      return;
    }
    flush();
    settle();
    if (!unsaved.isEmpty()) {
      save();
    }
  }

  private static KafkaException leaseTaken() {
    return new KafkaException("somebody else has taken the lease, and leads");
  }

  private static KafkaException leadLost() {
    return new KafkaException("the lease ran out before it was renewed: somebody else may lead");
  }

  @Override
  public void abandon() {
    failed.giveUp();
    producer.close(Duration.ZERO);
  }

  @Override
  public void close() {
    producer.close(failed.get() == null ? FAREWELL : Duration.ZERO);
  }

  /** What was sent between two commits. */
  private static final class Load {
    private final AtomicInteger unconfirmed = new AtomicInteger();
    private Map<String, @Nullable String> notes = Map.of();
    private Runnable done = () -> {};
  }
}
