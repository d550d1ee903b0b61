package dev.pgeventstore.codec;

import static dev.pgeventstore.codec.Content.decode;
import static dev.pgeventstore.codec.Content.encode;
import static dev.pgeventstore.codec.FlatCodec.step;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.UnknownEventTypeException;
import org.junit.jupiter.api.Test;

class JsonCodecTest {

  record Bare(String text) {}

  private static final EventTypes ONE = EventTypes.builder().type(Bare.class, "bare", 1).build();
  private static final EventTypes THREE = EventTypes.builder().type(Bare.class, "bare", 3).build();

  @Test
  void a_missing_step_is_found_when_building() {
    assertThatThrownBy(() -> FlatCodec.of(THREE, step("bare", 1, json -> json)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'bare'")
        .hasMessageContaining("revision 2");
  }

  @Test
  void a_step_without_a_target_is_found_when_building() {
    assertThatThrownBy(() -> FlatCodec.of(ONE, step("bare", 1, json -> json)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'bare'")
        .hasMessageContaining("not an older one");
    assertThatThrownBy(() -> FlatCodec.of(ONE, step("other", 1, json -> json)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'other'");
  }

  @Test
  void two_steps_from_one_revision_are_refused() {
    Upcasts<String> upcasts = step("bare", 1, json -> json);
    assertThatThrownBy(() -> upcasts.add("bare", 1, json -> json))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'bare'")
        .hasMessageContaining("revision 1");
  }

  @Test
  void an_old_revision_goes_through_every_step_in_order() {
    Upcasts<String> upcasts = step("bare", 2, json -> json.replace("one", "two"));
    upcasts.add("bare", 1, json -> json.replace("zero", "one"));
    FlatCodec codec = FlatCodec.of(THREE, upcasts);
    assertThat(decode(codec, EncodedEvent.of("bare", 1, "{\"text\":\"zero\"}")))
        .isEqualTo(new Bare("two"));
    assertThat(decode(codec, EncodedEvent.of("bare", 2, "{\"text\":\"zero\"}")))
        .isEqualTo(new Bare("zero"));
  }

  @Test
  void a_failing_step_is_named() {
    Upcasts<String> upcasts =
        step(
            "bare",
            1,
            json -> {
              throw new IllegalStateException("no luck");
            });
    upcasts.add("bare", 2, json -> null);
    FlatCodec codec = FlatCodec.of(THREE, upcasts);
    assertThatThrownBy(() -> decode(codec, EncodedEvent.of("bare", 1, "{}")))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("upcaster of event type 'bare' from revision 1")
        .hasMessageContaining("no luck")
        .hasCauseInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> decode(codec, EncodedEvent.of("bare", 2, "{}")))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("from revision 2 returned null");
  }

  @Test
  void an_unknown_type_says_what_to_do() {
    assertThatThrownBy(() -> decode(FlatCodec.none(), EncodedEvent.of("order-lost", 1, "{}")))
        .isInstanceOfSatisfying(
            UnknownEventTypeException.class, e -> assertThat(e.type()).isEqualTo("order-lost"))
        .hasMessageContaining("'order-lost'")
        .hasMessageContaining("EventTypes")
        .hasMessageContaining("EventQuery.types")
        .hasMessageContaining("RecordedEvent.encoded()");
  }

  @Test
  void a_newer_revision_is_refused() {
    FlatCodec codec = FlatCodec.of(ONE, new Upcasts<>());
    assertThatThrownBy(() -> decode(codec, EncodedEvent.of("bare", 4, "{}")))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("'bare'")
        .hasMessageContaining("revision 4")
        .hasMessageContaining("revision 1");
  }

  @Test
  void a_class_that_is_not_registered_is_refused() {
    assertThatThrownBy(() -> encode(FlatCodec.none(), "text"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("java.lang.String is not registered");
    assertThatThrownBy(() -> FlatCodec.none().typeName(Bare.class))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(Bare.class.getName());
  }

  @Test
  void the_output_of_a_library_is_checked() {
    JsonBinding<String> careless =
        new JsonBinding<>() {
          @Override
          public byte[] write(Object object) {
            return ((Bare) object).text().getBytes(UTF_8);
          }

          @Override
          public Object read(byte[] json) {
            throw new AssertionError();
          }

          @Override
          public String tree(byte[] json) {
            throw new AssertionError();
          }

          @Override
          public Object read(String tree) {
            throw new AssertionError();
          }
        };
    JsonCodec<String> codec = new JsonCodec<>(ONE, new Upcasts<>(), unused -> careless) {};
    assertThat(encode(codec, new Bare("{\"a\":1}")).data()).isEqualTo("{\"a\":1}");
    assertThatThrownBy(() -> encode(codec, new Bare("{\"a\":NaN}")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'bare'")
        .hasMessageContaining(Bare.class.getName())
        .hasMessageContaining("not JSON");
  }
}
