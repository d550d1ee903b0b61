package dev.pgeventstore.kafka;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerInterceptor;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Sits in a relay's producer and does something at a chosen moment of a transaction: the first one
 * with events that comes to it. Kafka makes it, from {@code interceptor.classes}; so no relay needs
 * to know.
 *
 * <p>What it does comes from the producer's settings: {@link #ACTION}, or, where settings are text,
 * the end of the process as by a SIGKILL.
 */
public final class Probe
    implements ProducerInterceptor<byte[], byte[]>, ConsumerInterceptor<byte[], byte[]> {

  /** The exit code of a process that {@link Probe} ended. */
  static final int HALTED = 137;

  private static final String MOMENT = "probe.moment";
  private static final String ACTION = "probe.action";
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private Moment moment;
  private Action action;
  private boolean hasEvents;
  private boolean hasNotes;
  private int sent;
  private int acknowledged;
  private Thread lane;

  /** Made by Kafka. */
  public Probe() {}

  /** What a relay's settings must have for its process to end at a moment. */
  static Map<String, String> halt(Moment at) {
    return Map.of("interceptor.classes", Probe.class.getName(), MOMENT, at.name());
  }

  /** The same for something else to be done, once, by whichever of the relay's producers. */
  static Map<String, Object> at(Moment moment, Runnable action) {
    return Map.of(
        "interceptor.classes",
        Probe.class.getName(),
        MOMENT,
        moment.name(),
        ACTION,
        new Action(action));
  }

  @Override
  public void configure(Map<String, ?> configs) {
    moment = Moment.valueOf((String) configs.get(MOMENT));
    Object given = configs.get(ACTION);
    action = given == null ? new Action(() -> Runtime.getRuntime().halt(HALTED)) : (Action) given;
  }

  @Override
  public synchronized ProducerRecord<byte[], byte[]> onSend(ProducerRecord<byte[], byte[]> record) {
    boolean isNote = record.topic().startsWith(Bench.POSITIONS);
    if (hasNotes && !isNote) {
      beginAnother();
    }
    if (isNote) {
      if (hasEvents && !hasNotes && moment == Moment.BEFORE_POSITION) {
        awaitAcknowledged(sent);
        act();
      }
      hasNotes = true;
    } else if (!hasEvents) {
      hasEvents = true;
      reach(Moment.BEGUN);
    } else if (moment == Moment.HALF_SENT) {
      awaitAcknowledged(1);
      act();
    }
    sent++;
    lane = Thread.currentThread();
    notifyAll();
    return record;
  }

  private void beginAnother() {
    if (hasEvents) {
      reach(Moment.COMMITTED);
    }
    hasEvents = false;
    hasNotes = false;
    sent = 0;
    acknowledged = 0;
  }

  @Override
  public synchronized void onAcknowledgement(RecordMetadata metadata, Exception exception) {
    acknowledged++;
    notifyAll();
    if (moment == Moment.BEFORE_COMMIT && hasEvents && hasNotes && acknowledged == sent) {
      // By the thread that would send the request to commit. Which note is the last one nobody
      // knows before the lane asks for that.
      int before = sent;
      await(() -> sent > before || isCommitting());
      if (sent == before) {
        act();
      }
    }
  }

  private boolean isCommitting() {
    return Stream.of(lane.getStackTrace())
        .anyMatch(frame -> frame.getMethodName().equals("commitTransaction"));
  }

  private void awaitAcknowledged(int records) {
    await(() -> acknowledged >= records);
  }

  private void await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean() && System.nanoTime() < deadline) {
      try {
        wait(1);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private void reach(Moment reached) {
    if (reached == moment) {
      act();
    }
  }

  private void act() {
    action.runOnce();
  }

  // Settings have one name for the interceptors of producers and of consumers.

  @Override
  public ConsumerRecords<byte[], byte[]> onConsume(ConsumerRecords<byte[], byte[]> records) {
    return records;
  }

  @Override
  public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {}

  @Override
  public void close() {}

  /** Shared by all producers that a relay has one after the other. */
  private static final class Action {

    private final Runnable what;
    private final AtomicBoolean done = new AtomicBoolean();

    Action(Runnable what) {
      this.what = what;
    }

    void runOnce() {
      if (!done.getAndSet(true)) {
        what.run();
      }
    }
  }
}
