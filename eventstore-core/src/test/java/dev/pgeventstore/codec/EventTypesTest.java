package dev.pgeventstore.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class EventTypesTest {

  sealed interface Shape permits Round, Square, Triangle {}

  sealed interface Round extends Shape permits Circle, Ball {}

  sealed interface Solid permits Ball {}

  @EventType(name = "circle")
  record Circle(int radius) implements Round {}

  @EventType(name = "ball", revision = 1)
  record Ball(int radius) implements Round, Solid {}

  @EventType(name = "square")
  record Square(int side) implements Shape {}

  @EventType(name = "triangle")
  record Triangle() implements Shape {}

  record Bare() {}

  sealed interface HalfAnnotated permits Good, Forgotten {}

  @EventType(name = "good")
  record Good() implements HalfAnnotated {}

  record Forgotten() implements HalfAnnotated {}

  interface Open {}

  @EventType(name = "square")
  record SecondSquare() {}

  private static String name(EventTypes types, Class<?> payloadClass) {
    return FlatCodec.of(types, new Upcasts<>()).typeName(payloadClass);
  }

  @Test
  void all_records_of_sealed_interfaces_are_found_and_each_only_once() {
    EventTypes types = EventTypes.of(Shape.class, Solid.class);
    assertThat(types.all())
        .extracting(RegisteredType::name)
        .containsExactlyInAnyOrder("circle", "ball", "square", "triangle");
    assertThat(name(types, Ball.class)).isEqualTo("ball");
  }

  @Test
  void a_name_is_never_derived_from_a_class_name() {
    assertThatThrownBy(() -> EventTypes.of(HalfAnnotated.class))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(Forgotten.class.getName())
        .hasMessageContaining("@EventType");
  }

  @Test
  void an_interface_that_is_not_sealed_is_refused() {
    assertThatThrownBy(() -> EventTypes.of(Open.class))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(Open.class.getName())
        .hasMessageContaining("not sealed");
  }

  @Test
  void an_interface_cannot_be_a_type() {
    assertThatThrownBy(() -> EventTypes.builder().type(Shape.class, "shape", 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(Shape.class.getName());
  }

  @Test
  void a_class_is_registered_once() {
    assertThatThrownBy(
            () -> EventTypes.builder().type(Bare.class, "bare", 1).type(Bare.class, "naked", 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(Bare.class.getName())
        .hasMessageContaining("'bare'")
        .hasMessageContaining("'naked'");
  }

  @Test
  void a_name_is_given_once() {
    assertThatThrownBy(() -> EventTypes.of(Shape.class, SecondSquare.class))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'square'")
        .hasMessageContaining(Square.class.getName())
        .hasMessageContaining(SecondSquare.class.getName());
  }

  @Test
  void a_name_or_revision_that_cannot_be_stored_is_refused() {
    EventTypes.Builder builder = EventTypes.builder();
    assertThatThrownBy(() -> builder.type(Bare.class, " ", 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> builder.type(Bare.class, "$bare", 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> builder.type(Bare.class, "ä".repeat(65), 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> builder.type(Bare.class, "bare", 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_registry_may_be_empty() {
    assertThat(EventTypes.none().all()).isEmpty();
  }
}
