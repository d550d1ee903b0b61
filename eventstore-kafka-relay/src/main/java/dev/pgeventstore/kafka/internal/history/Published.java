package dev.pgeventstore.kafka.internal.history;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.position.TopicLayout;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;

/**
 * What topics have of a lane, by its series.
 *
 * @param series by their numbers
 * @param beginnings where the partitions begin
 */
public record Published(
    TreeMap<Integer, PublishedSeries> series, Map<TopicPartition, Long> beginnings) {

  /**
   * Reads all of it.
   *
   * @param tail of the lane, in these topics
   * @param topics as they are
   * @param upTo records at later places are passed over
   */
  public static Published of(PublishedTail tail, Map<String, TopicLayout> topics, Position upTo) {
    TreeMap<Integer, PublishedSeries> series = new TreeMap<>();
    Map<TopicPartition, Long> beginnings =
        tail.all(
            (record, key) -> {
              if (!record.place().position().isAfter(upTo)) {
                series
                    .computeIfAbsent(record.series(), PublishedSeries::new)
                    .add(record, key, partitions(topics, record.partition()));
              }
            });
    return new Published(series, beginnings);
  }

  /** One may have come since it was looked at. */
  private static int partitions(Map<String, TopicLayout> topics, TopicPartition partition) {
    TopicLayout layout = topics.get(partition.topic());
    return Math.max(partition.partition() + 1, layout == null ? 0 : layout.partitions());
  }

  /** One of the series; an empty one if nothing of it is there. */
  public PublishedSeries of(int number) {
    PublishedSeries found = series.get(number);
    return found == null ? new PublishedSeries(number) : found;
  }

  /** The number of the last one; 0 if nothing is there. */
  public int lastNumber() {
    return series.isEmpty() ? 0 : series.lastKey();
  }

  /** The last place of those before one. */
  public Optional<Position> endBefore(int number) {
    return series.headMap(number).values().stream()
        .map(one -> one.end().position())
        .max(Position::compareTo);
  }

  /** Partitions that have lost their beginning, and have nothing left of a series. */
  public Set<TopicPartition> emptied(PublishedSeries of) {
    Set<TopicPartition> left = of.lastPlaces().keySet();
    return beginnings.entrySet().stream()
        .filter(beginning -> beginning.getValue() > 0 && !left.contains(beginning.getKey()))
        .map(Map.Entry::getKey)
        .collect(Collectors.toSet());
  }
}
