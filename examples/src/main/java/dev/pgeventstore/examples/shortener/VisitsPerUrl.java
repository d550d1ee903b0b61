package dev.pgeventstore.examples.shortener;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.Stores;
import org.jspecify.annotations.Nullable;

/**
 * Tables of the URL of each link, and of the number of visits to each URL, computed from two
 * topics.
 */
final class VisitsPerUrl {

  static final String LINKS = "links-by-code";
  static final String COUNTS = "visits-per-url";

  private static final Serde<String> TEXT = Serdes.String();
  private static final Serde<Long> NUMBER = Serdes.Long();
  private static final ObjectMapper JSON = new ObjectMapper();

  private VisitsPerUrl() {}

  static Topology of(String linkTopic, String visitTopic) {
    StreamsBuilder builder = new StreamsBuilder();
    Consumed<String, String> events = Consumed.with(TEXT, TEXT);
    KStream<String, String> links = builder.stream(linkTopic, events);
    KStream<String, String> visits = builder.stream(visitTopic, events);

    // The topic has the events. The table has the resulting state: the latest URL of each code.
    KTable<String, String> urls =
        links
            .map((stream, json) -> KeyValue.pair(code(stream), url(json)))
            .toTable(inMemory(LINKS, TEXT));

    KTable<String, Long> visitsPerCode =
        visits
            .groupBy((stream, json) -> code(stream), Grouped.with(TEXT, TEXT))
            .count(inMemory("visits-per-code", NUMBER));

    // If a link is redirected, its visits move to the new URL, and are subtracted from the old one.
    visitsPerCode
        .join(urls, (count, url) -> new Visits(url, count))
        .groupBy((code, v) -> KeyValue.pair(v.url(), v.count()), Grouped.with(TEXT, NUMBER))
        .reduce(Long::sum, (sum, gone) -> sum - gone, inMemory(COUNTS, NUMBER));
    return builder.build();
  }

  /**
   * In memory, so that nothing is left on disk; after a loss, the content is read back from Kafka.
   * Without a cache, because the caches of two joined tables are flushed one after the other: each
   * flush would join with the current content of the other table, and one result would be sent, and
   * counted, twice (KAFKA-4609).
   */
  private static <V> Materialized<String, V, KeyValueStore<Bytes, byte[]>> inMemory(
      String name, Serde<V> values) {
    return Materialized.<String, V>as(Stores.inMemoryKeyValueStore(name))
        .withCachingDisabled()
        .withKeySerde(TEXT)
        .withValueSerde(values);
  }

  private static String code(String stream) {
    return stream.substring(stream.indexOf('-') + 1);
  }

  /** The URL of an event; null if it has none, which removes the link from the table. */
  private static @Nullable String url(String json) {
    try {
      return JSON.readTree(json).path("url").textValue();
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("this is no event of a link: " + json, e);
    }
  }

  /** The current content of a table. */
  static <V> Map<String, V> read(KafkaStreams streams, String table) {
    Map<String, V> rows = new TreeMap<>();
    try (KeyValueIterator<String, V> all =
        streams
            .store(
                StoreQueryParameters.fromNameAndType(
                    table, QueryableStoreTypes.<String, V>keyValueStore()))
            .all()) {
      all.forEachRemaining(row -> rows.put(row.key, row.value));
    }
    return rows;
  }

  private record Visits(String url, long count) {}
}
