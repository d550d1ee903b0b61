package dev.pgeventstore.testkit.contracts;

import static dev.pgeventstore.ExpectedVersion.any;
import static dev.pgeventstore.ExpectedVersion.exactly;
import static dev.pgeventstore.ExpectedVersion.noStream;
import static dev.pgeventstore.ExpectedVersion.streamExists;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Conflict;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.UnknownEventTypeException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/**
 * Appends to one stream: what is written, which versions are expected, which of several appends
 * succeeds.
 */
abstract class AppendContract extends ContractFixture {

  @Test
  void the_events_of_a_stream_are_numbered_from_1_without_gaps() {
    StreamId stream = stream("1");
    assertThat(append(stream, opened("ann"), deposited(1)).version()).isEqualTo(2);
    assertThat(append(stream, deposited(2)).version()).isEqualTo(3);
    assertThat(store.read(stream)).extracting(RecordedEvent::version).containsExactly(1L, 2L, 3L);
    assertThat(payloads(stream)).containsExactly(opened("ann"), deposited(1), deposited(2));
  }

  @Test
  void an_append_returns_the_position_of_its_last_event() {
    AppendResult result = append(stream("1"), opened("ann"), deposited(1));
    assertThat(store.read(stream("1")).get(1).position()).isEqualTo(result.position());
    assertThat(result.replayed()).isFalse();
    assertThat(result.versions()).containsOnlyKeys(stream("1"));
    assertThat(result.version(stream("1"))).isEqualTo(2);
  }

  @Test
  void positions_increase_with_versions() {
    List<Position> positions = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      append(stream("1"), deposited(i), deposited(i));
      append(stream("2"), deposited(i));
    }
    store.read(stream("1")).forEach(event -> positions.add(event.position()));
    assertThat(positions).isSorted().doesNotHaveDuplicates().hasSize(10);
  }

  @Test
  void an_event_is_read_as_it_was_appended() {
    UUID id = UUID.randomUUID();
    Metadata metadata =
        Metadata.none()
            .withCorrelationId("c-1")
            .withCausationId("é😀\"\\")
            .withUserId("ann")
            .withOccurredAt(Instant.parse("2020-01-02T03:04:05.678Z"))
            .with("free", "entry");
    AppendResult result =
        append(
            stream("1"),
            NewEvent.of(opened("Zoë 😀 \"x\" \\u0041 \u0001")).withId(id).withMetadata(metadata));
    RecordedEvent event = store.read(stream("1")).get(0);
    assertThat(event.payload()).isEqualTo(opened("Zoë 😀 \"x\" \\u0041 \u0001"));
    assertThat(event.metadata()).isEqualTo(metadata);
    assertThat(event.id()).isEqualTo(id);
    assertThat(event.type()).isEqualTo("account-opened");
    assertThat(event.encoded().revision()).isEqualTo(1);
    assertThat(event.stream()).isEqualTo(stream("1"));
    assertThat(event.version()).isEqualTo(1);
    assertThat(event.position()).isEqualTo(result.position());
  }

  @Test
  void an_event_without_an_id_gets_a_time_ordered_id_and_every_event_gets_a_time() {
    append(stream("1"), opened("ann"), opened("bob"));
    List<RecordedEvent> events = store.read(stream("1"));
    assertThat(events).extracting(event -> event.id().version()).containsOnly(7);
    assertThat(events)
        .extracting(event -> event.id().toString())
        .isSorted()
        .doesNotHaveDuplicates();
    assertThat(events).extracting(RecordedEvent::metadata).containsOnly(Metadata.none());
    for (RecordedEvent event : events) {
      // The clocks of client and server may differ by some minutes.
      assertThat(event.recordedAt())
          .isCloseTo(Instant.now(), org.assertj.core.api.Assertions.within(10, ChronoUnit.MINUTES));
      assertThat(event.recordedAt())
          .as("has no more than microseconds")
          .isEqualTo(event.recordedAt().truncatedTo(ChronoUnit.MICROS));
    }
  }

  @Test
  void encoded_events_are_stored_unchanged_even_if_their_type_is_unknown() {
    String json = "{\"b\":1.50,\"a\":[true,null,\"x\"]}";
    append(stream("1"), EncodedEvent.of("from-elsewhere", 3, json));
    RecordedEvent event = store.read(stream("1")).get(0);
    assertThat(event.type()).isEqualTo("from-elsewhere");
    assertThat(event.encoded().revision()).isEqualTo(3);
    assertThat(event.encoded().data()).isEqualTo(json);
    assertThatThrownBy(event::payload).isInstanceOf(UnknownEventTypeException.class);
  }

  @Test
  void stream_ids_are_kept_unchanged() {
    List<String> keys =
        List.of(
            "a",
            "A",
            "a b",
            "a'b",
            "a\"b",
            "a\\b",
            "a%",
            "a_",
            "a-b-c",
            "ä",
            "😀",
            "$1",
            "null",
            "é".repeat((StreamId.MAX_BYTES - category.length() - 1) / 2));
    for (String key : keys) {
      append(stream(key), opened(key));
    }
    for (String key : keys) {
      assertThat(payloads(stream(key))).containsExactly(opened(key));
      assertThat(store.read(stream(key)).get(0).stream()).isEqualTo(stream(key));
    }
  }

  @Test
  void any_version_is_never_a_conflict() {
    assertThat(store.append(stream("1"), any(), deposits(1)).version()).isEqualTo(1);
    assertThat(store.append(stream("1"), any(), deposits(2)).version()).isEqualTo(3);
  }

  @Test
  void no_stream_is_met_until_the_first_event() {
    assertThat(store.append(stream("1"), noStream(), deposits(3)).version()).isEqualTo(3);
    assertConflict(stream("1"), noStream(), 3);
  }

  @Test
  void exactly_0_means_no_stream() {
    assertThat(store.append(stream("1"), exactly(0), deposits(1)).version()).isEqualTo(1);
    assertConflict(stream("1"), exactly(0), 1);
  }

  @Test
  void a_stream_exists_when_it_has_an_event() {
    assertConflict(stream("1"), streamExists(), 0);
    append(stream("1"), opened("ann"));
    assertThat(store.append(stream("1"), streamExists(), deposits(1)).version()).isEqualTo(2);
  }

  @Test
  void an_exact_version_is_met_by_no_other_version() {
    assertConflict(stream("1"), exactly(1), 0);
    append(stream("1"), deposited(1), deposited(2), deposited(3));
    assertConflict(stream("1"), exactly(2), 3);
    assertConflict(stream("1"), exactly(4), 3);
    assertConflict(stream("1"), exactly(Long.MAX_VALUE), 3);
    assertThat(store.append(stream("1"), exactly(3), deposits(1)).version()).isEqualTo(4);
  }

  private void assertConflict(StreamId stream, ExpectedVersion expected, long actual) {
    List<RecordedEvent> before = store.read(stream);
    ConflictException conflict =
        catchThrowableOfType(
            ConflictException.class, () -> store.append(stream, expected, deposits(2)));
    assertThat(conflict).isNotNull();
    assertThat(conflict.conflicts())
        .containsExactly(Conflict.StreamVersion.of(stream, expected, actual));
    assertThat(conflict.streams()).hasSize(1);
    assertThat(conflict)
        .hasMessageContaining(stream.toString())
        .hasMessageContaining(expected.toString())
        .hasMessageContaining(actual == 0 ? "does not exist" : "version " + actual);
    assertThat(store.read(stream)).hasSameSizeAs(before);
  }

  @Test
  void a_conflict_writes_nothing_and_uses_no_position() {
    AppendResult first = append(stream("1"), opened("ann"));
    for (ExpectedVersion expected : List.of(noStream(), exactly(2), exactly(7))) {
      assertConflict(stream("1"), expected, 1);
    }
    for (ExpectedVersion expected : List.of(streamExists(), exactly(2))) {
      assertConflict(stream("2"), expected, 0);
    }
    assertThat(append(stream("1"), deposited(1)).position().value())
        .isEqualTo(first.position().value() + 1);
    assertThat(appended()).hasSize(2);
    assertThat(store.append(stream("2"), noStream(), deposits(1)).version()).isEqualTo(1);
  }

  @Test
  void of_many_appends_that_start_a_stream_one_succeeds() {
    for (int round = 0; round < 10; round++) {
      StreamId stream = stream("round-" + round);
      List<Object> outcomes =
          race(RACERS, i -> Append.to(stream, noStream(), List.of(deposited(i), opened("r" + i))));
      assertOneWinner(stream, outcomes, 2);
    }
  }

  @Test
  void of_many_appends_decided_on_the_same_version_one_succeeds() {
    for (int round = 0; round < 10; round++) {
      StreamId stream = stream("round-" + round);
      append(stream, opened("ann"));
      List<Object> outcomes =
          race(RACERS, i -> Append.to(stream, exactly(1), List.of(deposited(i))));
      assertOneWinner(stream, outcomes, 2);
    }
  }

  private void assertOneWinner(StreamId stream, List<Object> outcomes, long version) {
    assertThat(results(outcomes))
        .singleElement()
        .satisfies(winner -> assertThat(winner.version()).isEqualTo(version));
    assertThat(conflicts(outcomes))
        .extracting(conflict -> conflict.streams().get(0).actual())
        .containsOnly(version);
    assertThat(store.read(stream)).hasSize((int) version);
  }

  @Test
  void many_appends_that_expect_any_version_all_succeed() {
    StreamId stream = stream("1");
    List<Object> outcomes =
        race(RACERS, i -> Append.to(stream, any(), List.of(deposited(i), opened("r" + i))));
    assertThat(results(outcomes)).hasSize(RACERS);
    assertWhole(stream, results(outcomes), 0);
  }

  @Test
  void many_appends_that_expect_an_existing_stream_all_succeed_or_all_conflict() {
    List<Object> tooEarly =
        race(RACERS, i -> Append.to(stream("1"), streamExists(), List.of(deposited(i))));
    assertThat(conflicts(tooEarly))
        .hasSize(RACERS)
        .extracting(conflict -> conflict.streams().get(0).actual())
        .containsOnly(0L);
    append(stream("1"), opened("ann"));
    List<Object> outcomes =
        race(
            RACERS,
            i -> Append.to(stream("1"), streamExists(), List.of(deposited(i), opened("r" + i))));
    assertThat(results(outcomes)).hasSize(RACERS);
    assertWhole(stream("1"), results(outcomes), 1);
  }

  /** The two events of each append have consecutive versions, and positions rise with versions. */
  private void assertWhole(StreamId stream, List<AppendResult> results, int before) {
    List<RecordedEvent> events = store.read(stream);
    assertThat(events).hasSize(before + 2 * results.size());
    assertThat(events).extracting(RecordedEvent::position).isSorted().doesNotHaveDuplicates();
    for (AppendResult result : results) {
      int last = (int) result.version() - 1;
      AccountEvent.Deposited first = (AccountEvent.Deposited) events.get(last - 1).payload();
      assertThat(events.get(last).payload()).isEqualTo(opened("r" + first.cents()));
      assertThat(events.get(last).position()).isEqualTo(result.position());
    }
  }

  @Test
  void closing_twice_does_nothing() {
    store.close();
    store.close();
  }
}
