package dev.pgeventstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.SQLException;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The small values: expectations, positions, ranges, metadata, encoded events, results. */
class ValuesTest {

  @Test
  void expectations_are_met_by_the_versions_they_name() {
    assertThat(met(ExpectedVersion.any())).containsExactly(true, true, true, true);
    assertThat(met(ExpectedVersion.noStream())).containsExactly(true, false, false, false);
    assertThat(met(ExpectedVersion.streamExists())).containsExactly(false, true, true, true);
    assertThat(met(ExpectedVersion.exactly(2))).containsExactly(false, false, true, false);
  }

  private static List<Boolean> met(ExpectedVersion expected) {
    return List.of(
        expected.isMetBy(0), expected.isMetBy(1), expected.isMetBy(2), expected.isMetBy(3));
  }

  @Test
  void exactly_0_means_no_stream() {
    assertThat(ExpectedVersion.exactly(0)).isEqualTo(ExpectedVersion.noStream());
    assertThat(ExpectedVersion.exactly(3)).isEqualTo(ExpectedVersion.exactly(3));
    assertThatThrownBy(() -> ExpectedVersion.exactly(-1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("-1");
    assertThat(ExpectedVersion.exactly(0).onlyVersion()).hasValue(0);
    assertThat(ExpectedVersion.exactly(3).onlyVersion()).hasValue(3);
    assertThat(ExpectedVersion.any().onlyVersion()).isEmpty();
    assertThat(ExpectedVersion.streamExists().onlyVersion()).isEmpty();
  }

  @Test
  void expectations_read_well_in_a_conflict() {
    StreamId stream = StreamId.of("order", "42");
    assertThat(
            new ConflictException(
                List.of(
                    Conflict.StreamVersion.of(stream, ExpectedVersion.exactly(2), 3),
                    Conflict.StreamVersion.of(stream, ExpectedVersion.noStream(), 3),
                    Conflict.StreamVersion.of(stream, ExpectedVersion.streamExists(), 0))))
        .hasMessage(
            "stream order-42 is at version 3, expected version 2; stream order-42 is at version 3,"
                + " expected no stream; stream order-42 does not exist, expected an existing"
                + " stream; nothing was written");
  }

  @Test
  void a_conflict_names_every_stream_and_ignores_other_kinds() {
    ConflictException conflict =
        new ConflictException(
            List.of(
                Conflict.StreamVersion.of(StreamId.of("a", "1"), ExpectedVersion.exactly(2), 3),
                new Conflict() {},
                Conflict.StreamVersion.of(StreamId.of("b", "1"), ExpectedVersion.noStream(), 1)));
    assertThat(conflict.streams())
        .extracting(stream -> stream.stream() + " " + stream.expected() + " " + stream.actual())
        .containsExactly("a-1 version 2 3", "b-1 no stream 1");
    assertThat(conflict.conflicts()).hasSize(3);
    assertThat(new ConflictException(List.of(new Conflict() {})).streams()).isEmpty();
  }

  @Test
  void only_failures_that_may_end_by_waiting_are_transient() {
    assertThat(new EventStoreException("gone", new SQLException("x", "08006")).isTransient())
        .isTrue();
    assertThat(new EventStoreException("race", new SQLException("x", "40001")).isTransient())
        .isTrue();
    assertThat(
            new EventStoreException("no such table", new SQLException("x", "42P01")).isTransient())
        .isFalse();
    assertThat(new EventStoreException("not the database").isTransient()).isFalse();
    assertThat(new ConflictException(List.of(new Conflict() {})).isTransient()).isFalse();
    assertThat(new OutcomeUnknownException("lost", new SQLException("x", "08006")).isTransient())
        .isFalse();
  }

  @Test
  void positions_are_ordered_by_number() {
    assertThat(Position.of(0)).isEqualTo(Position.START).hasToString("0");
    assertThat(Position.of(2)).isGreaterThan(Position.of(1)).hasToString("2");
    assertThat(Position.of(2).isAfter(Position.of(1))).isTrue();
    assertThat(Position.of(2).isAfter(Position.of(2))).isFalse();
    assertThatThrownBy(() -> Position.of(-1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_range_only_gets_narrower() {
    StreamRange range = StreamRange.forwardsFrom(3).upTo(9).upTo(12).limit(5).limit(7);
    assertThat(range.isForwards()).isTrue();
    assertThat(range.first()).isEqualTo(3);
    assertThat(range.last()).isEqualTo(9);
    assertThat(range.limit()).isEqualTo(5);
    StreamRange backwards = StreamRange.backwardsFrom(9);
    assertThat(backwards.isForwards()).isFalse();
    assertThat(backwards.first()).isEqualTo(1);
    assertThat(backwards.last()).isEqualTo(9);
    assertThat(StreamRange.forwards().limit()).isEqualTo(Integer.MAX_VALUE);
    assertThat(StreamRange.backwards().last()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void a_range_that_holds_nothing_is_refused() {
    assertThatThrownBy(() -> StreamRange.forwardsFrom(0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> StreamRange.backwardsFrom(0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> StreamRange.forwards().upTo(0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> StreamRange.forwards().limit(0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void metadata_is_replaced_and_never_changed() {
    Metadata none = Metadata.none();
    Instant at = Instant.parse("2026-01-02T03:04:05.678Z");
    Metadata full =
        none.withCorrelationId("c")
            .withCausationId("d")
            .withUserId("u")
            .withOccurredAt(at)
            .with("x", "1")
            .with("x", "2");
    assertThat(none.entries()).isEmpty();
    assertThat(full.correlationId()).contains("c");
    assertThat(full.causationId()).contains("d");
    assertThat(full.userId()).contains("u");
    assertThat(full.occurredAt()).contains(at);
    assertThat(full.get("x")).contains("2");
    assertThat(full.get("y")).isEmpty();
    assertThat(full).isEqualTo(Metadata.of(full.entries())).hasSameHashCodeAs(full);
    assertThat(List.copyOf(full.entries().keySet())).isSorted();
    assertThatThrownBy(() -> full.entries().clear())
        .isInstanceOf(UnsupportedOperationException.class);
  }

  @Test
  void metadata_keeps_a_copy() {
    Map<String, String> entries = new HashMap<>(Map.of("a", "1"));
    Metadata metadata = Metadata.of(entries);
    entries.put("b", "2");
    assertThat(metadata.entries()).containsOnlyKeys("a");
    assertThat(Metadata.of(Map.of())).isSameAs(Metadata.none());
  }

  @Test
  void metadata_that_cannot_be_stored_is_refused() {
    Metadata none = Metadata.none();
    assertThatThrownBy(() -> none.with(" ", "a")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> none.with("a\0", "a")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> none.with("a", "b\0"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'a'")
        .hasMessageContaining("index 1");
    assertThatThrownBy(() -> none.withUserId("\ude00"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("surrogate");
  }

  @Test
  void an_encoded_event_has_a_type_that_can_be_stored() {
    EncodedEvent event = EncodedEvent.of("é".repeat(64), 1, "{\"a\":\"é\"}");
    assertThat(event.data()).isEqualTo("{\"a\":\"é\"}");
    assertThat(event.dataUtf8()).hasSize(10);
    for (String bad : List.of("", " ", "a\0", "\ud83d", "é".repeat(65))) {
      assertThatThrownBy(() -> EncodedEvent.of(bad, 1, "{}"))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThat(event.isReserved()).isFalse();
    assertThat(EncodedEvent.of("$type", 1, "{}").isReserved()).isTrue();
    assertThatThrownBy(() -> EncodedEvent.of("a", 0, "{}"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'a'");
  }

  @Test
  void a_result_of_one_stream_has_one_version() {
    StreamId a = StreamId.of("a", "1");
    StreamId b = StreamId.of("b", "1");
    AppendResult one = AppendResult.of(Position.of(7), Map.of(a, 3L), true);
    assertThat(one.version()).isEqualTo(3);
    assertThat(one.version(a)).isEqualTo(3);
    assertThat(one.replayed()).isTrue();
    assertThatThrownBy(() -> one.version(b))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("b-1");
    AppendResult two = AppendResult.of(Position.of(7), Map.of(a, 3L, b, 1L), false);
    assertThatThrownBy(two::version)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("2 streams");
  }

  @Test
  void a_page_is_the_last_when_it_reaches_the_mark() {
    assertThat(EventPage.of(List.of(), Position.of(6), Position.of(7)).isLast()).isFalse();
    assertThat(EventPage.of(List.of(), Position.of(7), Position.of(7)).isLast()).isTrue();
  }
}
