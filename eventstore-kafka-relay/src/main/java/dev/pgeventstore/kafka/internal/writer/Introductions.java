package dev.pgeventstore.kafka.internal.writer;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Which partitions know a producer. A broker takes any batch as the first one of a producer for a
 * partition, and from then on what follows it only. If it has put off or refused the first one that
 * was sent, and takes the second, the first comes behind that. So the first record to a partition
 * goes alone, and others follow when it has been acknowledged.
 *
 * <p>A broker forgets a producer that has sent nothing to a partition for a day, if {@code
 * producer.id.expiration.ms} says nothing else. So after a rest a record goes alone, too.
 *
 * <p>For one thread, but for {@link Target#known}.
 */
final class Introductions {

  private static final long REST = Duration.ofMinutes(1).toNanos();

  private final Map<String, Map<Integer, Target>> targets = new HashMap<>();

  /**
   * Where a record goes that is sent now.
   *
   * @param record says its partition
   */
  Target of(ProducerRecord<byte[], byte[]> record, long now) {
    Target target =
        targets
            .computeIfAbsent(record.topic(), topic -> new HashMap<>())
            .computeIfAbsent(
                Objects.requireNonNull(record.partition(), "a lane's records say their partition"),
                partition -> new Target());
    if (target.state == State.KNOWN && now - target.sent > REST) {
      target.state = State.NEW;
    }
    target.sent = now;
    return target;
  }

  /** A partition. */
  static final class Target {
    private volatile State state = State.NEW;
    private long sent;

    /** Whether a record goes there alone now; asked before it is sent. */
    boolean isIntroducedNow() {
      if (state != State.NEW) {
        return false;
      }
      state = State.INTRODUCED;
      return true;
    }

    /** Whether the next record has to wait. */
    boolean isWaitedFor() {
      return state == State.INTRODUCED;
    }

    /** The record that went alone has been acknowledged. Called by any thread. */
    void known() {
      state = State.KNOWN;
    }
  }

  private enum State {
    NEW,
    INTRODUCED,
    KNOWN
  }
}
