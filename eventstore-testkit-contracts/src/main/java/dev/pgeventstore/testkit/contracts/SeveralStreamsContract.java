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
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Appends to several streams, and checks of further streams: all are written, or none. */
abstract class SeveralStreamsContract extends AppendContract {

  @Test
  void several_streams_are_written_together_in_the_order_in_which_they_were_added() {
    append(stream("m"), opened("m"));
    AppendResult result =
        store.append(
            Append.to(stream("z"), noStream(), List.of(deposited(1), deposited(2)))
                .and(stream("a"), any(), List.of(deposited(3)))
                .and(stream("m"), exactly(1), List.of(deposited(4))));
    assertThat(result.versions())
        .containsOnly(
            Map.entry(stream("z"), 2L), Map.entry(stream("a"), 1L), Map.entry(stream("m"), 2L));
    assertThatThrownBy(result::version).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> result.version(stream("x")))
        .isInstanceOf(IllegalArgumentException.class);
    List<RecordedEvent> events = appended();
    assertThat(events)
        .extracting(RecordedEvent::payload)
        .containsExactly(opened("m"), deposited(1), deposited(2), deposited(3), deposited(4));
    assertThat(events.get(4).position()).isEqualTo(result.position());
  }

  @Test
  void one_conflict_prevents_everything_from_being_written() {
    append(stream("b"), opened("b"));
    assertThatThrownBy(
            () ->
                store.append(
                    Append.to(stream("a"), noStream(), deposits(1))
                        .and(stream("b"), noStream(), deposits(1))
                        .and(stream("c"), any(), deposits(1))))
        .isInstanceOf(ConflictException.class);
    assertThat(appended()).hasSize(1);
    assertThat(store.read(stream("a"))).isEmpty();
    // The streams of the refused append are still unknown.
    store.append(stream("a"), noStream(), deposits(1));
    store.append(stream("c"), noStream(), deposits(1));
    assertThat(store.append(stream("b"), exactly(1), deposits(1)).version()).isEqualTo(2);
  }

  @Test
  void all_conflicts_are_reported_at_once_including_those_of_checks() {
    append(stream("b"), opened("b"), deposited(1));
    ConflictException conflict =
        catchThrowableOfType(
            ConflictException.class,
            () ->
                store.append(
                    Append.to(stream("z"), streamExists(), deposits(1))
                        .and(stream("a"), any(), deposits(1))
                        .and(stream("b"), exactly(1), deposits(1))
                        .check(stream("c"), exactly(3))
                        .check(stream("d"), noStream())));
    assertThat(conflict.conflicts())
        .containsExactlyInAnyOrder(
            Conflict.StreamVersion.of(stream("z"), streamExists(), 0),
            Conflict.StreamVersion.of(stream("b"), exactly(1), 2),
            Conflict.StreamVersion.of(stream("c"), exactly(3), 0));
    assertThat(appended()).hasSize(2);
  }

  @Test
  void a_conflict_leaves_the_versions_of_the_other_streams_as_they_were() {
    for (ExpectedVersion expected : List.of(exactly(1), any(), streamExists())) {
      StreamId other = stream("other-" + expected.hashCode());
      StreamId behind = stream("behind-" + expected.hashCode());
      store.append(other, noStream(), deposits(1));
      assertThatThrownBy(
              () ->
                  store.append(
                      Append.to(other, expected, deposits(2)).and(behind, exactly(1), deposits(1))))
          .isInstanceOf(ConflictException.class);
      assertThat(store.append(other, exactly(1), deposits(1)).version()).isEqualTo(2);
      assertThat(store.append(behind, noStream(), deposits(1)).version()).isEqualTo(1);
    }
  }

  @Test
  void a_checked_stream_is_not_written_and_need_not_exist() {
    append(stream("bank"), opened("bank"));
    AppendResult result =
        store.append(
            Append.to(stream("a"), noStream(), deposits(1))
                .check(stream("bank"), exactly(1))
                .check(stream("none"), noStream())
                .check(stream("either"), any()));
    assertThat(result.versions()).containsOnlyKeys(stream("a"));
    assertThat(store.read(stream("none"))).isEmpty();
    assertThat(store.read(stream("bank"))).hasSize(1);
    assertThatThrownBy(
            () ->
                store.append(
                    Append.to(stream("a"), any(), deposits(1))
                        .check(stream("none"), streamExists())))
        .isInstanceOfSatisfying(
            ConflictException.class,
            conflict ->
                assertThat(conflict.conflicts())
                    .containsExactly(Conflict.StreamVersion.of(stream("none"), streamExists(), 0)));
    assertThat(store.append(stream("none"), noStream(), deposits(1)).version()).isEqualTo(1);
    assertThat(store.append(stream("either"), noStream(), deposits(1)).version()).isEqualTo(1);
  }

  @Test
  void what_was_checked_still_holds_when_the_append_is_committed() {
    // Each append writes its own stream if the other's is still empty. If both were written, that
    // would be a write skew.
    for (int round = 0; round < 20; round++) {
      List<StreamId> pair = List.of(stream("left-" + round), stream("right-" + round));
      List<Object> outcomes =
          race(
              2,
              i ->
                  Append.to(pair.get(i), noStream(), deposits(1))
                      .check(pair.get(1 - i), noStream()));
      assertThat(results(outcomes)).hasSize(1);
      assertThat(conflicts(outcomes)).hasSize(1);
    }
  }

  @Test
  void appends_to_the_same_streams_in_opposite_order_do_not_block_each_other() {
    for (int round = 0; round < 10; round++) {
      StreamId a = stream("a-" + round);
      StreamId b = stream("b-" + round);
      List<Object> outcomes =
          race(
              RACERS,
              i ->
                  Append.to(i % 2 == 0 ? a : b, any(), deposits(1))
                      .and(i % 2 == 0 ? b : a, any(), deposits(1)));
      assertThat(results(outcomes)).hasSize(RACERS);
      assertThat(store.read(a)).hasSize(RACERS);
      assertThat(store.read(b)).hasSize(RACERS);
    }
  }
}
