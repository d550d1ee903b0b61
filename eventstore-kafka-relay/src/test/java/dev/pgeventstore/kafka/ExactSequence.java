package dev.pgeventstore.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.RecordedEvent;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;

/** Says whether what is in Kafka is what is in the store: everything, once and in order. */
final class ExactSequence {

  private ExactSequence() {}

  static void check(List<RecordedEvent> stored, List<ConsumerRecord<byte[], byte[]>> consumed) {
    Map<Long, RecordedEvent> missing = new HashMap<>();
    stored.forEach(event -> missing.put(event.position().value(), event));
    Map<Integer, String> previous = new HashMap<>();
    Map<String, Long> versions = new HashMap<>();
    for (ConsumerRecord<byte[], byte[]> record : consumed) {
      long position = Long.parseLong(header(record, "es_position"));
      RecordedEvent event = missing.remove(position);
      assertThat(event).as("not a duplicate and not invented: %s", describe(record)).isNotNull();
      assertThat(new String(record.key(), UTF_8)).isEqualTo(event.stream().toString());
      assertThat(record.value()).isEqualTo(event.encoded().dataUtf8());
      assertThat(header(record, "ce_id")).isEqualTo(event.id().toString());
      assertThat(header(record, "es_prev"))
          .as("what came before %s", describe(record))
          .isEqualTo(previous.getOrDefault(record.partition(), "0:0"));
      previous.put(record.partition(), position + ":" + header(record, "es_index"));
      assertThat(event.version())
          .as("next version in %s", describe(record))
          .isEqualTo(versions.merge(event.stream().toString(), 1L, Long::sum));
    }
    assertThat(missing.values()).as("not published").isEmpty();
  }

  static String header(ConsumerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null ? null : new String(header.value(), UTF_8);
  }

  private static String describe(ConsumerRecord<byte[], byte[]> record) {
    return "partition %d offset %d position %s"
        .formatted(record.partition(), record.offset(), header(record, "es_position"));
  }
}
