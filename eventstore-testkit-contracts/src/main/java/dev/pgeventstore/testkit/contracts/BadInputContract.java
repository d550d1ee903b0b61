package dev.pgeventstore.testkit.contracts;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Append;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.testkit.contracts.AccountEvent.Rated;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Supplier;
import org.assertj.core.api.AbstractThrowableAssert;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Invalid events are refused before anything is sent, with a message that names the event and the
 * reason.
 */
abstract class BadInputContract extends ReplayContract {

  /**
   * Asserts that an event between two valid ones is refused, and that none of the three is written.
   */
  private AbstractThrowableAssert<?, ? extends Throwable> assertRefused(@Nullable Object bad) {
    StreamId stream = stream("bad");
    Supplier<Append> append =
        () ->
            Append.to(stream("good"), any(), List.of(opened("ann")))
                .and(stream, any(), Arrays.asList(opened("bob"), bad, deposited(1)));
    AbstractThrowableAssert<?, ? extends Throwable> refused =
        assertThatThrownBy(() -> store.append(append.get()))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("event 2")
            .hasMessageContaining(stream.toString());
    assertThatThrownBy(() -> store.appendAsync(append.get()))
        .as("an asynchronous append is refused immediately")
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(refused.actual().getMessage());
    assertThat(appended()).isEmpty();
    return refused;
  }

  @Test
  void an_append_without_events_is_refused() {
    assertThatThrownBy(() -> store.append(stream("1"), any(), List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(stream("1").toString());
    assertThatThrownBy(() -> store.appendAsync(stream("1"), any(), List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(stream("1").toString());
  }

  @Test
  void a_null_is_refused() {
    assertRefused(null).hasMessageContaining("null");
  }

  @Test
  void an_object_whose_class_is_not_registered_is_refused() {
    assertRefused("a string").hasMessageContaining("java.lang.String");
    assertRefused(Map.of("a", 1)).hasMessageContaining("not registered");
  }

  @Test
  void a_type_reserved_for_the_store_is_refused() {
    assertRefused(EncodedEvent.of("$erased", 1, "{}")).hasMessageContaining("$erased");
    assertRefused(EncodedEvent.of("$mine", 1, "{}")).hasMessageContaining("$mine");
  }

  @Test
  void text_that_postgresql_cannot_hold_is_refused() {
    for (String bad : List.of("a\0b", "\ud83d", "\ude00!")) {
      assertRefused(opened(bad)).hasMessageContaining("account-opened");
    }
  }

  @Test
  void a_number_that_json_cannot_express_is_refused() {
    assertRefused(new Rated(Double.NaN)).hasMessageContaining("account-rated");
    assertRefused(new Rated(Double.NEGATIVE_INFINITY)).hasMessageContaining("account-rated");
  }

  @Test
  void encoded_events_that_are_not_json_are_refused() {
    for (String bad :
        List.of("", "{", "{} {}", "nope", "{\"a\":NaN}", "{\"a\":\"\\u0000\"}", "[1e200000]")) {
      assertRefused(EncodedEvent.of("raw", 1, bad)).hasMessageContaining("'raw'");
    }
    assertRefused(EncodedEvent.of("raw", 1, new byte[] {'"', (byte) 0xff, '"'}))
        .hasMessageContaining("'raw'");
  }

  @Test
  void metadata_that_cannot_be_stored_is_refused() {
    assertRefused(NewEvent.of(opened("x")).withMetadata(Metadata.of(Map.of("a", "b\0"))))
        .hasMessageContaining("metadata");
  }

  @Test
  void an_event_over_the_size_limit_is_refused_and_one_below_is_not() {
    assertRefused(opened("x".repeat(900 * 1024)))
        .hasMessageContaining("account-opened")
        .hasMessageContaining("" + 900 * 1024);
    // The limit is on bytes, not on characters.
    assertRefused(opened("é".repeat(451 * 1024)));
    // Metadata counts towards the limit.
    assertRefused(
            NewEvent.of(opened("x".repeat(500 * 1024)))
                .withMetadata(Metadata.of(Map.of("note", "x".repeat(500 * 1024)))))
        .hasMessageContaining("account-opened");
    append(stream("large"), opened("x".repeat(899 * 1024)));
    assertThat(payloads(stream("large"))).containsExactly(opened("x".repeat(899 * 1024)));
  }

  @Test
  void a_refused_append_does_not_prevent_the_next_from_being_written() {
    for (int i = 0; i < 3; i++) {
      assertThatThrownBy(() -> append(stream("1"), EncodedEvent.of("raw", 1, "{")))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(append(stream("1"), deposited(i)).version()).isEqualTo(i + 1);
    }
  }

  @Test
  void an_append_with_the_same_id_twice_is_refused() {
    UUID id = UUID.randomUUID();
    assertThatThrownBy(
            () ->
                append(
                    stream("1"),
                    NewEvent.of(opened("ann")).withId(id),
                    NewEvent.of(opened("bob")).withId(id)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("event 2")
        .hasMessageContaining(id.toString());
    assertThat(appended()).isEmpty();
  }

  @Test
  void stream_ids_that_cannot_be_stored_are_refused() {
    // This limit is on bytes, too.
    String tooLong = "é".repeat(StreamId.MAX_BYTES / 2);
    for (String bad : List.of("", " ", "a\0b", "\ud83d", "x".repeat(StreamId.MAX_BYTES), tooLong)) {
      assertThatThrownBy(() -> stream(bad)).isInstanceOf(IllegalArgumentException.class);
    }
    for (String bad : List.of("", " ", "no dash", "-1", "a-")) {
      assertThatThrownBy(() -> StreamId.parse(bad)).isInstanceOf(IllegalArgumentException.class);
    }
  }
}
