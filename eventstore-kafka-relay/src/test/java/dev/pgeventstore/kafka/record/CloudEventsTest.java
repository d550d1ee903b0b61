package dev.pgeventstore.kafka.record;

import static dev.pgeventstore.kafka.record.Recorded.headers;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import dev.pgeventstore.RecordedEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class CloudEventsTest {

  private static final String TRACEPARENT =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  private final CloudEvents cloudEvents = CloudEvents.from("/shop");

  @Test
  void a_record_has_the_headers_of_a_cloud_event_and_the_stored_json() {
    RecordedEvent event = Recorded.event("OrderPlaced", "{\"b\": 1.10,\"a\":\"ä\"}");

    assertThat(cloudEvents.map(event))
        .singleElement()
        .satisfies(
            record -> {
              assertThat(record.topic()).as("the relay's").isEmpty();
              assertThat(new String(record.key(), UTF_8)).isEqualTo("order-2026-ö");
              assertThat(record.value()).isEqualTo(event.encoded().dataUtf8());
              assertThat(headers(record))
                  .containsExactly(
                      entry("ce_specversion", "1.0"),
                      entry("ce_id", Recorded.ID.toString()),
                      entry("ce_source", "/shop"),
                      entry("ce_type", "OrderPlaced"),
                      entry("ce_subject", "order-2026-ö"),
                      entry("ce_time", "2026-11-21T20:00:37.123456Z"),
                      entry("content-type", "application/json"));
            });
  }

  @Test
  void a_trace_in_the_metadata_goes_along() {
    assertThat(
            headers(
                cloudEvents.record(
                    Recorded.withMetadata(
                        "{\"userId\": \"7\", \"traceparent\": \"%s\", \"tracestate\": \"a=b\"}"
                            .formatted(TRACEPARENT)))))
        .containsEntry("traceparent", TRACEPARENT)
        .containsEntry("tracestate", "a=b")
        .hasSize(9);
    assertThat(
            headers(
                cloudEvents.record(
                    Recorded.withMetadata("{\"traceparent\":\"" + TRACEPARENT + "\"}"))))
        .containsEntry("traceparent", TRACEPARENT)
        .hasSize(8);
  }

  @Test
  void metadata_without_a_trace_or_that_is_none_adds_nothing() {
    for (String metadata :
        List.of(
            "{}",
            "{\"userId\": \"7\"}",
            "{\"note\": \"\\\"traceparent\\\": not one\"}",
            "{\"traced\": \"yes\"}",
            "[\"traceparent\"]",
            "\"trace")) {
      assertThat(headers(cloudEvents.record(Recorded.withMetadata(metadata))))
          .as(metadata)
          .hasSize(7);
    }
  }

  @Test
  void a_mapper_may_publish_nothing_of_an_event_or_change_what_is_published_of_it() {
    RecordMapper mapper =
        event ->
            event.type().equals("Internal")
                ? List.of()
                : List.of(
                    cloudEvents
                        .record(event)
                        .topic("public")
                        .key("42")
                        .value("<order/>")
                        .header("content-type", "application/xml"));

    assertThat(mapper.map(Recorded.event("Internal", "{}"))).isEmpty();
    assertThat(mapper.map(Recorded.event("OrderPlaced", "{}")))
        .singleElement()
        .satisfies(
            record -> {
              assertThat(record.topic()).contains("public");
              assertThat(new String(record.key(), UTF_8)).isEqualTo("42");
              assertThat(new String(record.value(), UTF_8)).isEqualTo("<order/>");
              assertThat(headers(record))
                  .hasSize(7)
                  .containsEntry("ce_subject", "order-2026-ö")
                  .containsEntry("content-type", "application/xml");
            });
  }

  @Test
  void several_records_of_an_event_have_ids_of_their_own() {
    RecordMapper mapper =
        event ->
            List.of(
                cloudEvents.record(event), cloudEvents.record(event, 1).topic("audit").key("all"));

    assertThat(mapper.map(Recorded.event("OrderPlaced", "{}")))
        .extracting(record -> headers(record).get("ce_id"))
        .containsExactly(Recorded.ID.toString(), Recorded.ID + "-1");
    assertThatThrownBy(() -> cloudEvents.record(Recorded.erased(), -1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void an_erased_event_is_published_empty_or_on_request_without_a_value() {
    RelayRecord empty = cloudEvents.record(Recorded.erased());
    assertThat(new String(empty.value(), UTF_8)).isEqualTo("{}");
    assertThat(headers(empty)).containsEntry("ce_type", "$erased");

    RelayRecord tombstone = cloudEvents.tombstones().record(Recorded.erased());
    assertThat(tombstone.value()).isNull();
    assertThat(new String(tombstone.key(), UTF_8)).isEqualTo("order-2026-ö");
    assertThat(headers(tombstone))
        .containsEntry("ce_type", "$erased")
        .doesNotContainKey("content-type");
    assertThat(cloudEvents.tombstones().record(Recorded.event("OrderPlaced", "{}")).value())
        .isNotNull();
  }

  @Test
  void types_without_end_are_sent_right_by_several_threads_at_once() throws Exception {
    ExecutorService lanes = Executors.newFixedThreadPool(4);
    try {
      List<Callable<Boolean>> work = new ArrayList<>();
      for (int lane = 0; lane < 4; lane++) {
        work.add(this::mapManyTypes);
      }
      for (Future<Boolean> one : lanes.invokeAll(work, 60, TimeUnit.SECONDS)) {
        assertThat(one.get()).isTrue();
      }
    } finally {
      lanes.shutdownNow();
    }
  }

  private boolean mapManyTypes() {
    boolean right = true;
    for (int i = 0; i < 20_000; i++) {
      String type = "Type" + i % 3_000;
      RelayRecord record = cloudEvents.record(Recorded.event(type, "{}"));
      right &= headers(record).get("ce_type").equals(type);
    }
    return right;
  }

  @Test
  void a_blank_source_is_refused() {
    assertThatThrownBy(() -> CloudEvents.from(" ")).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_source_is_a_uri_reference() {
    for (String source : List.of("/shop", "shop", "https://example.com/a?b#c", "urn:shop:1")) {
      assertThat(headers(CloudEvents.from(source).record(Recorded.event("Happened", "{}"))))
          .containsEntry("ce_source", source);
    }
    for (String source : List.of("", " ", "the shop", "http://[", "%zz", "a|b")) {
      assertThatThrownBy(() -> CloudEvents.from(source))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("source");
    }
  }
}
