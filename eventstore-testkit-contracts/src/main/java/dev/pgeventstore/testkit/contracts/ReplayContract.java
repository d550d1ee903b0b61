package dev.pgeventstore.testkit.contracts;

import static dev.pgeventstore.ExpectedVersion.any;
import static dev.pgeventstore.ExpectedVersion.exactly;
import static dev.pgeventstore.ExpectedVersion.noStream;
import static dev.pgeventstore.ExpectedVersion.streamExists;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventIdReusedException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Retries of appends, which are recognised by the ids of their events. */
abstract class ReplayContract extends SeveralStreamsContract {

  private final UUID first = UUID.randomUUID();
  private final UUID second = UUID.randomUUID();

  private NewEvent event(UUID id, Object payload) {
    return NewEvent.of(payload).withId(id);
  }

  private void assertReplayed(AppendResult original, Append retry) {
    int before = appended().size();
    AppendResult result = store.append(retry);
    assertThat(result.replayed()).isTrue();
    assertThat(result.position()).isEqualTo(original.position());
    assertThat(result.versions()).isEqualTo(original.versions());
    assertThat(appended()).hasSize(before);
  }

  private EncodedEvent content(Object payload) {
    return codec.encode(NewEvent.of(payload), stream("1"));
  }

  private void assertReused(String key, Append append) {
    int before = appended().size();
    assertThatThrownBy(() -> store.append(append))
        .isInstanceOfSatisfying(
            EventIdReusedException.class, e -> assertThat(e.stream()).isEqualTo(stream(key)))
        .hasMessageContaining(stream(key).toString());
    assertThat(appended()).hasSize(before);
  }

  @Test
  void a_retry_returns_the_first_result_and_writes_nothing() {
    Append start = Append.to(stream("1"), noStream(), List.of(opened("ann"), deposited(1)));
    AppendResult started = store.append(start);
    assertReplayed(started, start);
    Append next = Append.to(stream("1"), exactly(2), List.of(deposited(2)));
    AppendResult continued = store.append(next);
    append(stream("1"), deposited(3));
    // A retry is also recognised after further events of the stream.
    assertReplayed(continued, next);
    assertReplayed(started, start);
  }

  @Test
  void ids_that_callers_choose_are_recognised_for_any_expected_version() {
    int number = 0;
    for (ExpectedVersion expected : List.of(any(), streamExists(), exactly(1))) {
      String key = "s" + number++;
      append(stream(key), opened("ann"));
      List<NewEvent> events = List.of(event(first, deposited(1)), event(second, deposited(2)));
      AppendResult original = store.append(stream(key), expected, events);
      assertThat(original.replayed()).isFalse();
      append(stream(key), deposited(3));
      assertReplayed(original, Append.to(stream(key), expected, events));
    }
  }

  @Test
  void an_append_that_is_sent_again_is_recognised_for_any_expected_version() {
    int number = 0;
    for (ExpectedVersion expected : List.of(any(), streamExists(), exactly(1))) {
      String key = "s" + number++;
      append(stream(key), opened("ann"));
      // The ids of these events are generated.
      Append append = Append.to(stream(key), expected, List.of(deposited(1), deposited(2)));
      AppendResult original = store.append(append);
      assertThat(original.replayed()).isFalse();
      assertReplayed(original, append);
      append(stream(key), deposited(3));
      assertReplayed(original, append);
    }
  }

  @Test
  void the_same_new_events_in_another_append_are_recognised() {
    append(stream("1"), opened("ann"));
    List<NewEvent> events = List.of(NewEvent.of(deposited(1)), NewEvent.of(deposited(2)));
    AppendResult original = store.append(stream("1"), any(), events);
    append(stream("1"), deposited(3));
    assertReplayed(original, Append.to(stream("1"), any(), events));
    assertReplayed(original, Append.to(stream("1"), streamExists(), events));
    assertReplayed(
        original,
        Append.to(
            stream("1"),
            any(),
            events.stream()
                .map(event -> event.withMetadata(Metadata.none().withUserId("bob")))
                .toList()));
  }

  @Test
  void an_event_that_gets_new_metadata_for_every_attempt_is_recognised() {
    append(stream("1"), opened("ann"));
    for (ExpectedVersion expected : List.of(any(), streamExists())) {
      NewEvent event = NewEvent.of(deposited(1));
      AppendResult original = store.append(tryOf(event, expected, "try-1"));
      assertThat(original.replayed()).isFalse();
      append(stream("1"), deposited(3));
      assertReplayed(original, tryOf(event, expected, "try-2"));
      // Also if a copy is made from another copy, and if the event itself is sent last.
      assertReplayed(
          original,
          tryOf(event.withMetadata(Metadata.none().withUserId("bob")), expected, "try-3"));
      assertReplayed(original, Append.to(stream("1"), expected, List.of(event)));
    }
  }

  private Append tryOf(NewEvent event, ExpectedVersion expected, String name) {
    NewEvent decorated = event.withMetadata(Metadata.none().withCorrelationId(name));
    return Append.to(stream("1"), expected, List.of(decorated));
  }

  @Test
  void a_retry_for_several_streams_with_generated_ids_is_recognised() {
    append(stream("b"), opened("b"));
    Append both =
        Append.to(stream("b"), any(), List.of(deposited(1)))
            .and(stream("a"), noStream(), List.of(deposited(2)))
            .check(stream("b2"), noStream());
    AppendResult original = store.append(both);
    append(stream("a"), deposited(3));
    append(stream("b"), deposited(3));
    append(stream("b2"), deposited(3));
    assertReplayed(original, both);
  }

  @Test
  void an_append_that_conflicted_is_written_when_it_is_sent_again_and_its_versions_are_met() {
    Append append = Append.to(stream("1"), streamExists(), List.of(deposited(1)));
    assertThatThrownBy(() -> store.append(append)).isInstanceOf(ConflictException.class);
    append(stream("1"), opened("ann"));
    AppendResult written = store.append(append);
    assertThat(written.replayed()).isFalse();
    assertReplayed(written, append);
  }

  @Test
  void domain_objects_that_are_appended_again_become_new_events() {
    List<Object> events = List.of(deposited(1));
    store.append(stream("1"), any(), events);
    assertThat(store.append(stream("1"), any(), events).version()).isEqualTo(2);
    assertThat(store.append(stream("1"), streamExists(), events).version()).isEqualTo(3);
    assertThatThrownBy(() -> store.append(stream("1"), exactly(2), events))
        .isInstanceOf(ConflictException.class);
  }

  /**
   * Not a promise to build on. To find the ids would take an index on them, which every append
   * would pay for.
   */
  @Test
  void an_append_whose_exact_version_is_met_is_written_even_if_the_stream_has_its_ids() {
    append(stream("1"), event(first, deposited(1)));
    AppendResult again = store.append(stream("1"), exactly(1), List.of(event(first, deposited(1))));
    assertThat(again.replayed()).isFalse();
    assertThat(again.version()).isEqualTo(2);
    // An append that expects the version of the first attempt is recognised; one that expects
    // another version conflicts.
    append(stream("1"), deposited(2));
    assertThat(
            store.append(stream("1"), noStream(), List.of(event(first, deposited(1)))).replayed())
        .isTrue();
    assertThatThrownBy(
            () -> store.append(stream("1"), exactly(2), List.of(event(first, deposited(1)))))
        .isInstanceOf(ConflictException.class);
  }

  @Test
  void json_is_compared_by_its_meaning() {
    AppendResult original =
        append(stream("1"), event(first, EncodedEvent.of("raw", 1, "{\"a\":1.50,\"b\":[1,null]}")));
    assertReplayed(
        original,
        Append.to(
            stream("1"),
            any(),
            List.of(
                event(first, EncodedEvent.of("raw", 1, " { \"b\" : [1, null], \"a\" : 1.5 }")))));
  }

  @Test
  void metadata_is_not_compared() {
    AppendResult original = append(stream("1"), event(first, deposited(1)));
    assertReplayed(
        original,
        Append.to(
            stream("1"),
            any(),
            List.of(event(first, deposited(1)).withMetadata(Metadata.none().withUserId("bob")))));
  }

  @Test
  void the_same_ids_with_other_content_are_refused() {
    store.append(
        stream("1"), noStream(), List.of(event(first, deposited(1)), event(second, opened("ann"))));
    for (ExpectedVersion expected : List.of(noStream(), any(), streamExists())) {
      // Other data, another type, another order, and an additional event.
      assertReused(
          "1",
          Append.to(
              stream("1"),
              expected,
              List.of(event(first, deposited(2)), event(second, opened("ann")))));
      assertReused(
          "1",
          Append.to(
              stream("1"),
              expected,
              List.of(
                  event(first, EncodedEvent.of("other", 1, content(deposited(1)).dataUtf8())),
                  event(second, opened("ann")))));
      assertReused(
          "1",
          Append.to(
              stream("1"),
              expected,
              List.of(event(second, opened("ann")), event(first, deposited(1)))));
      assertReused(
          "1",
          Append.to(
              stream("1"),
              expected,
              List.of(
                  event(first, deposited(1)),
                  event(second, opened("ann")),
                  event(UUID.randomUUID(), deposited(3)))));
    }
  }

  @Test
  void the_same_content_with_other_ids_is_a_new_append() {
    append(stream("1"), event(first, deposited(1)));
    assertThat(append(stream("1"), event(second, deposited(1))).version()).isEqualTo(2);
    assertThat(append(stream("1"), deposited(1)).version()).isEqualTo(3);
    assertThatThrownBy(
            () ->
                store.append(
                    stream("1"), noStream(), List.of(event(UUID.randomUUID(), deposited(1)))))
        .isInstanceOf(ConflictException.class);
  }

  @Test
  void ids_are_compared_within_their_stream_only() {
    append(stream("1"), event(first, deposited(1)));
    AppendResult other = append(stream("2"), event(first, deposited(1)));
    assertThat(other.replayed()).isFalse();
    assertThat(store.read(stream("2"))).hasSize(1);
  }

  @Test
  void several_streams_are_replayed_together() {
    append(stream("c"), opened("c"));
    Append both =
        Append.to(stream("b"), any(), List.of(event(first, deposited(1))))
            .and(stream("a"), noStream(), List.of(event(second, deposited(2))))
            .check(stream("c"), exactly(1));
    AppendResult original = store.append(both);
    assertReplayed(original, both);
    append(stream("a"), deposited(3));
    append(stream("b"), deposited(3));
    // The checked stream may have further events: the append was decided when it was committed.
    append(stream("c"), deposited(3));
    assertReplayed(original, both);
  }

  @Test
  void a_retry_of_which_only_a_part_is_stored_is_refused() {
    append(stream("a"), event(first, deposited(1)));
    assertReused(
        "a",
        Append.to(stream("a"), any(), List.of(event(first, deposited(1))))
            .and(stream("b"), any(), List.of(event(second, deposited(2)))));
    assertThat(store.read(stream("b"))).isEmpty();
  }

  @Test
  void of_many_callers_of_the_same_append_one_writes_and_all_get_its_result() {
    int number = 0;
    for (ExpectedVersion expected : List.of(any(), noStream())) {
      String key = "s" + number++;
      Append same =
          Append.to(
              stream(key),
              expected,
              List.of(event(first, deposited(1)), event(second, deposited(2))));
      List<AppendResult> results = results(race(RACERS, i -> same));
      assertThat(results).hasSize(RACERS);
      assertThat(results).filteredOn(result -> !result.replayed()).hasSize(1);
      assertThat(results)
          .extracting(AppendResult::position)
          .containsOnly(results.get(0).position());
      assertThat(results).extracting(AppendResult::version).containsOnly(2L);
      assertThat(payloads(stream(key))).containsExactly(deposited(1), deposited(2));
    }
  }
}
