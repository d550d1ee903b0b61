package dev.pgeventstore;

import static dev.pgeventstore.ExpectedVersion.any;
import static dev.pgeventstore.ExpectedVersion.exactly;
import static dev.pgeventstore.ExpectedVersion.noStream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class AppendTest {

  private static final StreamId A = StreamId.of("a", "1");
  private static final StreamId B = StreamId.of("b", "1");
  private static final StreamId C = StreamId.of("c", "1");

  @Test
  void streams_stay_in_the_order_in_which_they_were_added() {
    Append append = Append.to(B, exactly(7), List.of("x")).and(A, any(), List.of("y", "z"));
    assertThat(append.events().keySet()).containsExactly(B, A);
    assertThat(append.events().get(A)).extracting(NewEvent::payload).containsExactly("y", "z");
    assertThat(append.conditions())
        .containsExactly(
            new Condition.StreamVersion(B, exactly(7)), new Condition.StreamVersion(A, any()));
    assertThat(append.check(C, noStream()).conditions())
        .hasSize(3)
        .endsWith(new Condition.StreamVersion(C, noStream()));
  }

  @Test
  void an_append_is_never_changed() {
    List<Object> events = new ArrayList<>(List.of("x"));
    Append one = Append.to(A, any(), events);
    events.add("y");
    assertThat(one.and(B, any(), List.of("z")).check(C, any()).events()).hasSize(2);
    assertThat(one.events()).containsOnlyKeys(A);
    assertThat(one.events().get(A)).hasSize(1);
    assertThat(one.conditions()).hasSize(1);
    assertThatThrownBy(() -> one.events().clear())
        .isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(() -> one.events().get(A).clear())
        .isInstanceOf(UnsupportedOperationException.class);
  }

  @Test
  void an_append_without_events_is_refused() {
    assertThatThrownBy(() -> Append.to(A, any(), List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a-1");
  }

  @Test
  void a_null_is_refused_and_named() {
    assertThatThrownBy(() -> Append.to(A, any(), Arrays.asList("x", null)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("event 2 of 2 for stream a-1 is null");
    assertThatThrownBy(() -> NewEvent.of(null)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_missing_expectation_is_refused_and_not_treated_as_any() {
    assertThatThrownBy(() -> Append.to(A, null, List.of("x")))
        .isInstanceOf(NullPointerException.class)
        .hasMessageContaining("expected version");
    Append append = Append.to(A, any(), List.of("x"));
    assertThatThrownBy(() -> append.check(B, null)).isInstanceOf(NullPointerException.class);
    assertThatThrownBy(() -> append.check(null, any())).isInstanceOf(NullPointerException.class);
    assertThatThrownBy(() -> append.and(null, any(), List.of("y")))
        .isInstanceOf(NullPointerException.class);
  }

  @Test
  void missing_ids_and_metadata_are_refused_before_they_are_in_a_batch() {
    NewEvent event = NewEvent.of("x");
    assertThatThrownBy(() -> event.withId(null))
        .isInstanceOf(NullPointerException.class)
        .hasMessageContaining("id");
    assertThatThrownBy(() -> event.withMetadata(null))
        .isInstanceOf(NullPointerException.class)
        .hasMessageContaining("metadata");
    assertThatThrownBy(() -> OutboxMessage.to("relay", "topic").id(null))
        .isInstanceOf(NullPointerException.class)
        .hasMessageContaining("id");
  }

  @Test
  void a_repeated_id_is_refused_and_named() {
    NewEvent event = NewEvent.of("x");
    assertThatThrownBy(() -> Append.to(A, any(), List.of(event, "y", event)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("event 3 of 3 for stream a-1")
        .hasMessageContaining(event.id().toString());
    // An id is of its stream.
    assertThat(Append.to(A, any(), List.of(event)).and(B, any(), List.of(event)).events())
        .hasSize(2);
  }

  @Test
  void a_stream_is_in_an_append_once() {
    Append append = Append.to(A, any(), List.of("x")).check(B, noStream());
    for (StreamId again : List.of(A, B)) {
      assertThatThrownBy(() -> append.and(again, any(), List.of("y")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(again.toString());
      assertThatThrownBy(() -> append.check(again, any()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(again.toString());
    }
  }

  @Test
  void a_new_event_keeps_what_it_is_given() {
    UUID id = UUID.randomUUID();
    Metadata metadata = Metadata.none().withUserId("ann");
    NewEvent event = NewEvent.of("x");
    assertThat(event.idSupplied()).isFalse();
    assertThat(event.id().version()).isEqualTo(7);
    assertThat(event.metadata()).isEqualTo(Metadata.none());
    NewEvent full = event.withId(id).withMetadata(metadata);
    assertThat(full.id()).isEqualTo(id);
    assertThat(full.idSupplied()).isTrue();
    assertThat(full.metadata()).isEqualTo(metadata);
    assertThat(full.payload()).isEqualTo("x");
    assertThat(NewEvent.of(full)).isSameAs(full);
    assertThat(event.idSupplied()).isFalse();
  }
}
