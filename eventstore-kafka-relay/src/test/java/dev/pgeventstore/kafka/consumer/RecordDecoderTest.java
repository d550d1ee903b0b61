package dev.pgeventstore.kafka.consumer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.UnknownEventTypeException;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordDecoderTest {

  private static final Place SECOND = Place.of(12, 1);
  private static final Place FIRST = Place.of(11, 0);

  @Test
  void an_events_record_tells_where_it_stands_and_gives_the_event() {
    RelayedRecord record = Records.event(SECOND, FIRST).at(42).decoded();

    assertThat(record.sequence()).isEqualTo(new SequenceId("shop", 0, Records.TOPIC, 0));
    assertThat(record.place()).isEqualTo(SECOND);
    assertThat(record.previous()).isEqualTo(FIRST);
    assertThat(record.offset()).isEqualTo(42);
    assertThat(record.type()).hasValue("OrderPlaced");
    assertThat(record.isEvent()).isTrue();
    RecordedEvent event = record.event();
    assertThat(event.position()).isEqualTo(Position.of(12));
    assertThat(event.stream()).isEqualTo(StreamId.of("order", "1"));
    assertThat(event.version()).isEqualTo(1);
    assertThat(event.id()).isEqualTo(new UUID(7, 12));
    assertThat(event.recordedAt()).isEqualTo(Instant.parse("2026-01-02T03:04:05.000006Z"));
    assertThat(event.encoded().dataUtf8()).isEqualTo(record.value());
    assertThat(event.payload()).isEqualTo(new Records.OrderPlaced("c"));
    assertThat(event.metadata().entries()).isEmpty();
  }

  @Test
  void headers_that_nobody_prescribes_are_the_events_metadata() {
    RecordedEvent event =
        Records.event(SECOND, FIRST)
            .header("traceparent", "00-a-b-01")
            .header("ce_tenant", "north")
            .header("userId", "käthe")
            .decoded()
            .event();

    assertThat(event.metadata().entries())
        .containsOnly(
            Map.entry("traceparent", "00-a-b-01"),
            Map.entry("tenant", "north"),
            Map.entry("userId", "käthe"));
  }

  @Test
  void a_messages_record_gives_key_value_and_headers_and_no_event() {
    RelayedRecord record =
        Records.message(SECOND, FIRST).value("hello").header("mine", "1").decoded();

    assertThat(record.isEvent()).isFalse();
    assertThat(record.key()).isEqualTo("order-1".getBytes(UTF_8));
    assertThat(record.value()).isEqualTo("hello".getBytes(UTF_8));
    assertThat(record.header("mine")).hasValue("1");
    assertThat(record.type()).isEmpty();
    assertThatThrownBy(record::event).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void an_event_of_an_unknown_type_is_no_obstacle_until_its_payload_is_asked_for() {
    RecordedEvent event =
        Records.event(SECOND, FIRST).header("ce_type", "OrderFrozen").decoded().event();

    assertThat(event.type()).isEqualTo("OrderFrozen");
    assertThatThrownBy(event::payload).isInstanceOf(UnknownEventTypeException.class);
  }

  @Test
  void an_erased_event_is_one() {
    RecordedEvent event =
        Records.event(SECOND, FIRST)
            .header("ce_type", RecordedEvent.ERASED_TYPE)
            .value("{}")
            .decoded()
            .event();

    assertThat(event.isErased()).isTrue();
  }

  @Test
  void a_further_record_of_an_event_has_the_events_id() {
    UUID id = new UUID(7, 12);

    assertThat(Records.event(SECOND, FIRST).header("ce_id", id + "-1").decoded().event().id())
        .isEqualTo(id);
  }

  @Test
  void an_event_that_was_sent_late_has_its_own_position() {
    RelayedRecord record = Records.event(SECOND, FIRST).header("es_event_position", "4").decoded();

    assertThat(record.place()).isEqualTo(SECOND);
    assertThat(record.event().position()).isEqualTo(Position.of(4));
    assertThatThrownBy(
            () -> Records.event(SECOND, FIRST).header("es_event_position", "x").decoded().event())
        .isInstanceOf(NotRelayedException.class)
        .hasMessageContaining("es_event_position");
  }

  @Test
  void a_foreign_record_fails_unless_it_is_to_be_skipped() {
    var foreign = Records.foreign().header("content-type", "text/plain").at(9).make();

    assertThatThrownBy(() -> Records.DECODER.decode(foreign))
        .isInstanceOf(NotRelayedException.class)
        .hasMessageContaining("orders-0@9")
        .hasMessageContaining("es_relay");
    assertThat(Records.DECODER.skippingForeign().decode(foreign)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"es_relay", "es_lane", "es_position", "es_index", "es_prev"})
  void a_record_that_lacks_one_header_always_fails_and_names_it(String name) {
    var damaged = Records.event(SECOND, FIRST).without(name).at(9).make();

    assertThatThrownBy(() -> Records.DECODER.skippingForeign().decode(damaged))
        .isInstanceOf(NotRelayedException.class)
        .hasMessageContaining("orders-0@9")
        .hasMessageContaining(name);
  }

  @ParameterizedTest
  @CsvSource({
    "es_lane, x",
    "es_lane, 99999999999",
    "es_position, -1",
    "es_position, 99999999999999999999",
    "es_position, +12",
    "es_index, ''",
    "es_prev, 11",
    "es_prev, 11:",
    "es_prev, ':0'",
    "es_prev, 12:1",
    "es_prev, 13:0",
    "es_version, two",
  })
  void a_garbled_header_always_fails_and_is_named(String name, String text) {
    var garbled = Records.event(SECOND, FIRST).header(name, text).at(9).make();

    assertThatThrownBy(() -> Records.DECODER.skippingForeign().decode(garbled))
        .isInstanceOf(NotRelayedException.class)
        .hasMessageContaining("orders-0@9")
        .hasMessageContaining(name);
  }

  @ParameterizedTest
  @CsvSource({
    "ce_id, no-uuid",
    "ce_subject, nodash",
    "ce_time, yesterday",
    "es_revision, 1.0",
  })
  void a_header_that_only_the_event_needs_is_missed_when_the_event_is_asked_for(
      String name, String garbage) {
    RelayedRecord without = Records.event(SECOND, FIRST).without(name).decoded();
    RelayedRecord garbled = Records.event(SECOND, FIRST).header(name, garbage).decoded();

    assertThatThrownBy(without::event)
        .isInstanceOf(NotRelayedException.class)
        .hasMessageContaining(name);
    assertThatThrownBy(garbled::event)
        .isInstanceOf(NotRelayedException.class)
        .hasMessageContaining(name);
  }
}
