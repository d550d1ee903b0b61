package dev.pgeventstore.kafka.internal.history;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.position.TopicLayout;
import dev.pgeventstore.kafka.internal.topics.Partitioner;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * What the topics have of a lane in one of its series, as far as the lane's notes can be made of
 * it: little, however many records there are. For one thread.
 */
public final class PublishedSeries {

  private static final Position LAST = Position.of(Long.MAX_VALUE);

  private final int number;
  private final Map<TopicPartition, OwnRecord> last = new HashMap<>();
  private final Map<String, BitSet> partitions = new HashMap<>();
  private @Nullable Position first;
  private @Nullable Position firstInTurn;
  private RecordPlace end = RecordPlace.NONE;
  private Position decidedUpTo = Position.START;
  private boolean begunAnew;
  private long highestToken;
  private long records;

  PublishedSeries(int number) {
    this.number = number;
  }

  /**
   * Takes the next record of a partition.
   *
   * @param partitionsNow how many the topic has
   */
  public void add(OwnRecord record, byte @Nullable [] key, int partitionsNow) {
    records++;
    first = least(first, record.place().position());
    if (record.isInTurn()) {
      firstInTurn = least(firstInTurn, record.place().position());
    }
    if (record.place().compareTo(end) > 0) {
      end = record.place();
    }
    OwnRecord before = last.get(record.partition());
    begunAnew |= before != null && record.previous().equals(RecordPlace.NONE);
    if (before == null || record.place().compareTo(before.place()) > 0) {
      last.put(record.partition(), record);
    }
    if (!record.isInTurn() && record.place().position().isAfter(decidedUpTo)) {
      decidedUpTo = record.place().position();
    }
    highestToken = Math.max(highestToken, record.token().map(Token::number).orElse(0L));
    fit(record.partition(), key, partitionsNow);
  }

  private static Position least(@Nullable Position one, Position other) {
    return one == null || one.isAfter(other) ? other : one;
  }

  /** Strikes out the numbers of partitions that would have put the key elsewhere. */
  private void fit(TopicPartition partition, byte @Nullable [] key, int partitionsNow) {
    BitSet fitting = partitions.computeIfAbsent(partition.topic(), topic -> upTo(partitionsNow));
    if (key != null) {
      for (int n = fitting.nextSetBit(1); n > 0; n = fitting.nextSetBit(n + 1)) {
        if (new Partitioner(n).partition(key) != partition.partition()) {
          fitting.clear(n);
        }
      }
    }
  }

  private static BitSet upTo(int partitionsNow) {
    BitSet all = new BitSet();
    all.set(1, partitionsNow + 1);
    return all;
  }

  public int number() {
    return number;
  }

  public boolean isEmpty() {
    return records == 0;
  }

  public long records() {
    return records;
  }

  /** Whether it can have begun behind a position. */
  public boolean canBeginAfter(Position start) {
    boolean isBefore = firstInTurn == null || firstInTurn.isAfter(start);
    // What operators send may stand where it begins.
    return isBefore && (first == null || !start.isAfter(first));
  }

  /** The last position behind which it can have begun. */
  public Position latestStart() {
    Position before =
        firstInTurn == null ? LAST : Position.of(Math.max(0, firstInTurn.value() - 1));
    return first == null ? before : least(before, first);
  }

  /** The highest place. */
  public RecordPlace end() {
    return end;
  }

  /** Behind which the lane has sent nothing in its turn before all up to there was confirmed. */
  public Position decidedUpTo() {
    return decidedUpTo;
  }

  /** Whether it was begun again in the middle, as by a rewind. */
  public boolean isBegunAnew() {
    return begunAnew;
  }

  /** The highest number of a token; 0 if the records have none. */
  public long highestToken() {
    return highestToken;
  }

  public Collection<OwnRecord> lastRecords() {
    return last.values();
  }

  /** The last place in each partition. */
  public Map<TopicPartition, RecordPlace> lastPlaces() {
    Map<TopicPartition, RecordPlace> places = new HashMap<>();
    last.forEach((partition, record) -> places.put(partition, record.place()));
    return places;
  }

  public boolean has(String topic) {
    return partitions.containsKey(topic);
  }

  /** Topics in which no number of partitions puts all keys where they stand. */
  public List<String> misplaced() {
    return partitions.entrySet().stream()
        .filter(topic -> topic.getValue().isEmpty())
        .map(Map.Entry::getKey)
        .toList();
  }

  /**
   * A topic with the number of partitions over which the lane has spread its keys: of several that
   * fit the one that was noted, or the largest, since a topic may have grown.
   *
   * @param now as it is
   * @param noted as an older note has it
   */
  public TopicLayout layout(String topic, TopicLayout now, Optional<TopicLayout> noted) {
    BitSet fitting = partitions.getOrDefault(topic, upTo(now.partitions()));
    int partitions =
        noted
            .filter(before -> before.id().equals(now.id()))
            .map(TopicLayout::partitions)
            .filter(fitting::get)
            .orElse(fitting.length() - 1);
    return new TopicLayout(partitions, now.id());
  }
}
