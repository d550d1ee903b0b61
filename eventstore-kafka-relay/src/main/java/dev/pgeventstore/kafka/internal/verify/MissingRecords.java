package dev.pgeventstore.kafka.internal.verify;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.Difference;
import dev.pgeventstore.kafka.Difference.Kind;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;

/**
 * Records of a lane that are not where they should be by what the store says: so far, because they
 * may be found further on, as what was published late is. For one thread.
 */
public final class MissingRecords {

  /** So many may be found again further on; those beyond stay missing. */
  public static final int MOST_REMEMBERED = 100_000;

  private final TreeMap<RecordPlace, Missing> remembered = new TreeMap<>(Comparator.naturalOrder());

  /** Events that the mapper fails at: whether a record of them is missing cannot be told. */
  private final TreeMap<Position, StreamId> unmapped = new TreeMap<>(Comparator.naturalOrder());

  /** Of streams of which something is missing, or was: the last event that is there. */
  private final Map<StreamId, Position> lastThere = new HashMap<>();

  private final Set<Position> partlyThere = new HashSet<>();
  private long count;
  private boolean tooMany;

  /**
   * A record that is missing.
   *
   * @param partition where it should be; -1 if the topic is none of the lane's
   */
  private record Missing(String topic, int partition, String type, long version, StreamId stream) {

    Difference at(RecordPlace place) {
      return new Found(
          Kind.MISSING,
          topic,
          partition,
          OptionalLong.empty(),
          place.position(),
          place.index(),
          "%s, version %d of stream %s".formatted(type, version, stream));
    }
  }

  public void add(ExpectedRecord expected, int partition) {
    count++;
    if (remembered.size() < MOST_REMEMBERED) {
      RecordedEvent event = expected.event();
      remembered.put(
          expected.place(),
          new Missing(expected.topic(), partition, event.type(), event.version(), event.stream()));
      lastThere.putIfAbsent(event.stream(), Position.START);
    } else {
      tooMany = true;
    }
  }

  /** The mapper fails at an event: it may have been kept back, or published by another mapper. */
  public void addUnmapped(RecordedEvent event) {
    if (unmapped.size() < MOST_REMEMBERED) {
      unmapped.put(event.position(), event.stream());
      lastThere.putIfAbsent(event.stream(), Position.START);
    } else {
      tooMany = true;
    }
  }

  /** What seemed to be missing is there. */
  boolean found(RecordPlace place) {
    boolean found = remembered.remove(place) != null;
    count -= found ? 1 : 0;
    return found;
  }

  /** Records of an event are there, in their turn or late, or retention has removed them. */
  void isThere(RecordedEvent event) {
    unmapped.remove(event.position());
    if (lastThere.containsKey(event.stream())) {
      isThere(event.stream(), event.position());
      if (!of(event.position()).isEmpty()) {
        partlyThere.add(event.position());
      }
    }
  }

  private void isThere(StreamId stream, Position position) {
    lastThere.merge(stream, position, (a, b) -> a.isAfter(b) ? a : b);
  }

  /** Nothing of an event is missing: it is accounted for otherwise. */
  void accountedFor(Position position) {
    SortedMap<RecordPlace, Missing> ofIt = of(position);
    ofIt.values().stream()
        .map(Missing::stream)
        .toList()
        .forEach(stream -> isThere(stream, position));
    count -= ofIt.size();
    ofIt.clear();
    StreamId stream = unmapped.remove(position);
    if (stream != null) {
      isThere(stream, position);
    }
  }

  private SortedMap<RecordPlace, Missing> of(Position position) {
    return remembered.subMap(
        new RecordPlace(position, 0), true, new RecordPlace(position, Integer.MAX_VALUE), true);
  }

  public long count() {
    return count;
  }

  /** Whether a record is known to be missing, or may be among those that are not remembered. */
  boolean mayHave(RecordPlace place) {
    return remembered.containsKey(place) || count > remembered.size();
  }

  /** Whether there are more than are remembered one by one. */
  public boolean areTooMany() {
    return tooMany;
  }

  public Stream<Difference> differences() {
    return remembered.entrySet().stream().map(entry -> entry.getValue().at(entry.getKey()));
  }

  /** Those of events of which other records are there: they were sent, and are lost. */
  public List<Difference> ofEventsThatArePartlyThere() {
    return differences().filter(one -> partlyThere.contains(one.position())).toList();
  }

  /**
   * Those with nothing of the lane behind them in their partition.
   *
   * @param last what stands last in each partition
   */
  public List<Difference> atTheEnds(Map<TopicPartition, RecordPlace> last) {
    return differences()
        .filter(
            one ->
                one.partition() >= 0
                    && new RecordPlace(one.position(), one.index())
                            .compareTo(
                                last.getOrDefault(
                                    new TopicPartition(one.topic(), one.partition()),
                                    RecordPlace.NONE))
                        > 0)
        .toList();
  }

  /** The events of which everything is missing, with their streams, in order. */
  public SortedMap<Position, StreamId> events() {
    SortedMap<Position, StreamId> events = new TreeMap<>(unmapped);
    remembered.forEach((place, missing) -> events.put(place.position(), missing.stream()));
    return events;
  }

  /** Whether a later event of its stream is there. */
  public boolean wasPassedBy(StreamId stream, Position position) {
    return lastThere.getOrDefault(stream, Position.START).isAfter(position);
  }

  /** Forgets all of them. */
  public void clear() {
    count = 0;
    tooMany = false;
    remembered.clear();
    unmapped.clear();
    lastThere.clear();
    partlyThere.clear();
  }

  public List<Difference> first(List<Difference> others, int limit) {
    List<Difference> all = new ArrayList<>(others);
    differences().limit(limit).forEach(all::add);
    return all.stream()
        .sorted(Comparator.comparing(Difference::position).thenComparing(Difference::index))
        .limit(limit)
        .toList();
  }
}
