package dev.pgeventstore.kafka.record;

import static dev.pgeventstore.kafka.record.Recorded.headers;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import dev.pgeventstore.RecordedEvent;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

class DebeziumOutboxTest {

  private final RecordedEvent event = Recorded.event("OrderPlaced", "{\"b\": 1.10,\"a\":\"ä\"}");

  @Test
  void the_category_is_the_topic_the_stream_key_the_key_and_the_json_the_value() {
    assertThat(DebeziumOutbox.create().map(event))
        .singleElement()
        .satisfies(
            record -> {
              assertThat(record.topic()).contains("outbox.event.order");
              assertThat(new String(record.key(), UTF_8)).isEqualTo("2026-ö");
              assertThat(record.value()).isEqualTo(event.encoded().dataUtf8());
              assertThat(headers(record)).containsExactly(entry("id", Recorded.ID.toString()));
            });
  }

  @Test
  void topics_and_more_headers_are_as_the_router_was_configured() {
    DebeziumOutbox outbox =
        DebeziumOutbox.create()
            .topics(category -> "shop." + category.toUpperCase(Locale.ROOT))
            .header("eventType", RecordedEvent::type)
            .header("version", recorded -> Long.toString(recorded.version()))
            .header("userId", recorded -> recorded.metadata().userId().orElse(null));

    RelayRecord record = outbox.record(event);
    assertThat(record.topic()).contains("shop.ORDER");
    assertThat(headers(record))
        .containsExactly(
            entry("id", Recorded.ID.toString()),
            entry("eventType", "OrderPlaced"),
            entry("version", "7"));
    assertThat(headers(outbox.record(Recorded.withMetadata("{\"userId\":\"u1\"}"))))
        .containsEntry("userId", "u1");
  }

  @Test
  void a_mapper_may_change_what_it_makes() {
    DebeziumOutbox outbox = DebeziumOutbox.create();
    RecordMapper mapper =
        recorded ->
            recorded.isErased()
                ? List.of()
                : List.of(outbox.record(recorded).key('"' + recorded.stream().key() + '"'));

    assertThat(mapper.map(Recorded.erased())).isEmpty();
    assertThat(new String(mapper.map(event).get(0).key(), UTF_8)).isEqualTo("\"2026-ö\"");
  }

  @Test
  void the_headers_of_the_router_and_of_the_relay_are_not_to_be_replaced() {
    for (String name : List.of("id", "es_position", " ")) {
      assertThatThrownBy(() -> DebeziumOutbox.create().header(name, RecordedEvent::type))
          .as(name)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
