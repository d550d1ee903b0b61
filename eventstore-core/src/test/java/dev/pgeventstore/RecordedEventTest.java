package dev.pgeventstore;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.FlatCodec;
import dev.pgeventstore.spi.StoredEvent;
import java.time.Instant;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class RecordedEventTest {

  record Placed(String customer) {}

  private static final EventCodec CODEC =
      FlatCodec.of(EventTypes.builder().type(Placed.class, "placed", 1).build());

  private static RecordedEvent event(String type, String json, String metadata) {
    return StoredEvent.of(
        Position.of(7),
        StreamId.parse("order-1"),
        3,
        UUID.randomUUID(),
        EncodedEvent.of(type, 1, json),
        metadata == null ? null : metadata.getBytes(UTF_8),
        Instant.EPOCH,
        CODEC);
  }

  @Test
  void json_is_decoded_once_and_only_when_it_is_needed() {
    RecordedEvent event = event("placed", "{\"customer\":\"ann\"}", "{\"userId\":\"bob\"}");
    assertThat(event.payload()).isEqualTo(new Placed("ann")).isSameAs(event.payload());
    assertThat(event.metadata().userId()).contains("bob");
    assertThat(event.metadata()).isSameAs(event.metadata());
    RecordedEvent foreign = event("unknown", "{", null);
    assertThat(foreign.type()).isEqualTo("unknown");
    assertThat(foreign.encoded().data()).isEqualTo("{");
    assertThatThrownBy(foreign::payload).isInstanceOf(UnknownEventTypeException.class);
  }

  @Test
  void no_metadata_is_empty_metadata() {
    assertThat(event("placed", "{}", null).metadata()).isEqualTo(Metadata.none());
    assertThat(event("placed", "{}", null).metadataUtf8()).isNull();
  }

  @Test
  void an_erased_event_has_no_payload_says_so_and_calls_no_codec() {
    RecordedEvent erased =
        StoredEvent.of(
            Position.of(7),
            StreamId.parse("order-1"),
            3,
            UUID.randomUUID(),
            EncodedEvent.of("$erased", 1, "{}".getBytes(UTF_8)),
            null,
            Instant.EPOCH,
            CODEC);
    assertThat(erased.isErased()).isTrue();
    assertThatThrownBy(erased::payload)
        .isInstanceOf(ErasedEventException.class)
        .hasMessageContaining("version 3 of stream order-1, at position 7");
    assertThat(event("placed", "{\"customer\":\"ann\"}", null).isErased()).isFalse();
  }

  @Test
  void the_text_of_an_event_names_its_type_and_place() {
    assertThat(event("placed", "{}", null))
        .hasToString("order-1 version 3 at 7: placed revision 1");
  }
}
