package dev.pgeventstore.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.Position;
import dev.pgeventstore.feed.EventFeed;
import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * The last records that a lane has published, to be compared with the store: what is in Kafka, but
 * not in PostgreSQL?
 *
 * @param settings of the consumer
 * @param series whose records
 * @param lane of it
 * @param topics that it may have sent to
 */
record PublishedTail(KafkaSettings settings, String series, int lane, Set<String> topics) {

  /** How many of the last offsets of each partition are looked at. */
  private static final long WINDOW = 2_000;

  private static final int MOST_NAMED = 20;
  private static final int UUID_LENGTH = 36;
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Duration POLL = Duration.ofMillis(200);

  /** Says, for people, what is published and not in the store, and where both still agree. */
  String compare(EventFeed feed) throws InterruptedException {
    try {
      return describe(differences(feed));
    } catch (KafkaException e) {
      return "What is in Kafka could not be read: " + e.getMessage();
    }
  }

  /**
   * Looks for events that the store does not have.
   *
   * @param position where the lane stands
   * @throws RelayHaltedException if there are any
   */
  void requireNothingUnknown(EventFeed feed, Position position) {
    Differences differences = differences(feed);
    if (!differences.missing().isEmpty()) {
      throw new RelayHaltedException(
          "the store's history is not the one that was published: the relay stands at position %s, but %s"
              .formatted(position, describe(differences)));
    }
  }

  /** Events that are published, and of which the store knows nothing; at their positions. */
  Differences differences(EventFeed feed) {
    List<Published> missing = new ArrayList<>();
    Position common = Position.START;
    if (!topics.isEmpty()) {
      try (Consumer<byte[], byte[]> consumer = settings.clients().consumer(settings.consumer())) {
        for (TopicPartition partition : partitions(consumer)) {
          List<Published> events = events(consumer, partition);
          Map<Position, UUID> stored =
              feed.idsAt(events.stream().map(Published::position).distinct().toList());
          for (Published event : events) {
            if (!event.isSameAs(stored.get(event.position()))) {
              missing.add(event);
            } else if (event.position().isAfter(common)) {
              common = event.position();
            }
          }
        }
      }
    }
    missing.sort(Comparator.comparing(Published::position));
    return new Differences(missing, common);
  }

  private static String describe(Differences found) {
    StringBuilder text = new StringBuilder();
    if (found.missing().isEmpty()) {
      return "Among the last records of each partition none is of an event that the store does not have.";
    }
    text.append(
        "%d of the last records are of events that the store does not have:"
            .formatted(found.missing().size()));
    found.missing().stream()
        .limit(MOST_NAMED)
        .forEach(
            event ->
                text.append(
                    " position %s (%s version %s, event %s) in %s at offset %d;"
                        .formatted(
                            event.position(),
                            event.key(),
                            event.version(),
                            event.id(),
                            event.partition(),
                            event.offset())));
    if (found.missing().size() > MOST_NAMED) {
      text.append(" and so on.");
    }
    text.append(
        " The last event that both have is at position %s. To go on behind it, correct what consumers did with those events, and begin a new series: RelayOperations.newSeries(Position.of(%s), …)"
            .formatted(found.common(), found.common()));
    return text.toString();
  }

  private List<Published> events(Consumer<byte[], byte[]> consumer, TopicPartition partition) {
    List<Published> events = new ArrayList<>();
    consumer.assign(List.of(partition));
    long end = consumer.endOffsets(List.of(partition), PATIENCE).getOrDefault(partition, 0L);
    long begin =
        consumer.beginningOffsets(List.of(partition), PATIENCE).getOrDefault(partition, 0L);
    consumer.seek(partition, Math.max(begin, end - WINDOW));
    Scheduler scheduler = settings.scheduler();
    long deadline = scheduler.nanoTime() + PATIENCE.toNanos();
    while (consumer.position(partition, PATIENCE) < end) {
      if (scheduler.nanoTime() > deadline) {
        throw new TimeoutException(
            "%s could not be read to its end: is a transaction open there?".formatted(partition));
      }
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
        Published event = event(record, partition);
        if (event != null) {
          events.add(event);
        }
      }
    }
    return events;
  }

  /** Of the topics that there are. */
  private List<TopicPartition> partitions(Consumer<byte[], byte[]> consumer) {
    return topics.stream()
        .flatMap(topic -> consumer.partitionsFor(topic, PATIENCE).stream())
        .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
        .toList();
  }

  private @Nullable Published event(
      ConsumerRecord<byte[], byte[]> record, TopicPartition partition) {
    String version = text(record, "es_version");
    String place = text(record, "es_event_position");
    if (place == null) {
      place = text(record, "es_position");
    }
    if (version == null
        || place == null
        || !series.equals(text(record, "es_relay"))
        || !Integer.toString(lane).equals(text(record, "es_lane"))) {
      return null;
    }
    return new Published(
        Position.of(Long.parseLong(place)),
        eventId(record),
        version,
        record.key() == null ? "no key" : new String(record.key(), UTF_8),
        partition,
        record.offset());
  }

  /** The first of these that a record has: only where the relay adds none a mapper's is meant. */
  private static @Nullable String eventId(ConsumerRecord<byte[], byte[]> record) {
    return Stream.of(RecordMaker.EVENT_ID, "ce_id", "id")
        .map(name -> text(record, name))
        .filter(Objects::nonNull)
        .findFirst()
        .map(PublishedTail::withoutIndex)
        .orElse(null);
  }

  /** Further records of an event have its id with an index behind it. */
  private static String withoutIndex(String id) {
    return id.substring(0, Math.min(UUID_LENGTH, id.length()));
  }

  private static @Nullable String text(ConsumerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null ? null : new String(header.value(), UTF_8);
  }

  /**
   * What the store does not have.
   *
   * @param missing from it, in the order of positions
   * @param common the last position at which both have the same event
   */
  record Differences(List<Published> missing, Position common) {}

  /** A record of an event. */
  record Published(
      Position position,
      @Nullable String id,
      String version,
      String key,
      TopicPartition partition,
      long offset) {

    boolean isSameAs(@Nullable UUID stored) {
      return stored != null && (id == null || id.equals(stored.toString()));
    }
  }
}
