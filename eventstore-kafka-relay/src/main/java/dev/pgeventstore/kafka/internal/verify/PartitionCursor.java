package dev.pgeventstore.kafka.internal.verify;

import dev.pgeventstore.kafka.internal.history.SentRecord;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * What a lane has sent to a partition, in order: what is read and not compared yet, and what was
 * learned of the rest. For one thread.
 */
final class PartitionCursor {

  /** Enough to keep the others busy while one is waited for. */
  private static final int MOST_RECORDS = 1_000;

  final TopicPartition partition;
  final long beginning;
  final long end;
  private final Deque<SentRecord> waiting = new ArrayDeque<>();
  private boolean ended;
  private boolean cut;
  private @Nullable RecordPlace first;
  private RecordPlace highest = RecordPlace.NONE;
  private RecordPlace last = RecordPlace.NONE;
  private boolean again;

  /** Whether something was missed since the last record. */
  private boolean missed;

  PartitionCursor(TopicPartition partition, long beginning, long end) {
    this.partition = partition;
    this.beginning = beginning;
    this.end = end;
    this.cut = beginning > 0;
    this.ended = beginning >= end;
  }

  void add(SentRecord record) {
    waiting.add(record);
  }

  boolean isFull() {
    return waiting.size() >= MOST_RECORDS;
  }

  boolean isEmpty() {
    return waiting.isEmpty();
  }

  void ended() {
    ended = true;
  }

  boolean hasEnded() {
    return ended;
  }

  /** Retention was faster than the reader. */
  void cut() {
    cut = true;
    first = null;
  }

  @Nullable SentRecord peek() {
    return waiting.peek();
  }

  /** Takes the next record, and tells how it follows the one before. */
  Succession take() {
    SentRecord record = Objects.requireNonNull(waiting.poll(), "a record");
    boolean opening = first == null;
    Succession succession = succession(record, opening);
    again = succession == Succession.AGAIN;
    if (opening) {
      first = record.place();
    }
    last = record.place();
    if (record.place().compareTo(highest) > 0) {
      highest = record.place();
    }
    missed = false;
    return succession;
  }

  private Succession succession(SentRecord record, boolean opening) {
    if (!opening && record.place().compareTo(highest) <= 0) {
      boolean begunAnew = record.previous().equals(RecordPlace.NONE);
      return begunAnew || (again && record.previous().equals(last))
          ? Succession.AGAIN
          : Succession.BEHIND;
    }
    boolean gap = record.previous().compareTo(highest) > 0;
    // What is missing by what the store says need not be told twice.
    return gap && !missed && !(opening && cut) ? Succession.GAP : Succession.NEXT;
  }

  void missed() {
    missed = true;
  }

  /** Whether what stands here is older than what the topic has left. */
  private boolean isBeforeTheCut() {
    return cut && first == null;
  }

  /**
   * Whether a record of that place, which is not there, may be older than what the topic has left:
   * the first one that is says what stood before it.
   */
  boolean isBeforeTheCut(RecordPlace place) {
    SentRecord next = waiting.peek();
    boolean isKnown = next != null && !next.previous().equals(RecordPlace.NONE);
    return isBeforeTheCut() && !(isKnown && place.compareTo(next.previous()) > 0);
  }

  /** Whether a record of that place or a later one was there, or retention may have removed it. */
  boolean hasComeTo(RecordPlace place) {
    return highest.compareTo(place) >= 0 || isBeforeTheCut();
  }

  /** The first record that is left. */
  @Nullable RecordPlace first() {
    return first;
  }

  boolean isCut() {
    return cut;
  }

  /** How a record follows those before. */
  enum Succession {
    /** Its place is beyond all others. */
    NEXT,
    /** So it is, but it says that something stands between. */
    GAP,
    /** It repeats what is there, in a chain that was begun anew. */
    AGAIN,
    /** Its place is not beyond all others. */
    BEHIND
  }
}
