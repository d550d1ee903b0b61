package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.pgeventstore.kafka.consumer.GapException.Kind;
import org.junit.jupiter.api.Test;

class WatermarksTest {

  private static final SequenceId MAIN = new SequenceId("shop", 0, Records.TOPIC, 0);
  private static final Place ONE = Place.of(1, 0);
  private static final Place TWO = Place.of(2, 0);
  private static final Place TWO_AND_A_HALF = Place.of(2, 1);
  private static final Place THREE = Place.of(3, 0);
  private static final Place FOUR = Place.of(4, 0);

  private final Watermarks marks = Watermarks.exact();

  @Test
  void records_that_follow_each_other_are_new_and_repeats_are_not() {
    assertThat(take(marks, ONE, Place.START)).isTrue();
    assertThat(take(marks, TWO, ONE)).isTrue();
    assertThat(take(marks, TWO_AND_A_HALF, TWO)).isTrue();
    assertThat(take(marks, TWO, ONE)).isFalse();
    assertThat(take(marks, ONE, Place.START)).isFalse();
    assertThat(take(marks, TWO_AND_A_HALF, TWO)).isFalse();
    assertThat(take(marks, THREE, TWO_AND_A_HALF)).isTrue();
    assertThat(marks.last(MAIN)).isEqualTo(THREE);
  }

  @Test
  void a_record_whose_predecessor_was_not_seen_is_a_gap_and_stays_one() {
    take(marks, ONE, Place.START);

    GapException gap = gap(marks, FOUR, THREE);

    assertThat(gap.kind()).isEqualTo(Kind.MISSING);
    assertThat(gap.sequence()).isEqualTo(MAIN);
    assertThat(gap.seen()).isEqualTo(ONE);
    assertThat(gap.expected()).isEqualTo(THREE);
    assertThat(gap.place()).isEqualTo(FOUR);
    assertThat(gap).hasMessageContaining("orders-0@0").hasMessageContaining("follows 3:0");
    assertThat(gap(marks, FOUR, THREE).kind()).isEqualTo(Kind.MISSING);
    assertThat(take(marks, TWO, ONE)).isTrue();
  }

  @Test
  void records_in_another_order_are_a_gap() {
    assertThat(gap(marks, TWO, ONE).kind()).isEqualTo(Kind.NOT_THE_FIRST);
    take(marks, ONE, Place.START);
    assertThat(gap(marks, THREE, TWO).kind()).isEqualTo(Kind.MISSING);
  }

  @Test
  void the_first_record_seen_must_be_the_first_of_all_unless_a_start_anywhere_is_allowed() {
    assertThat(gap(marks, THREE, TWO).kind()).isEqualTo(Kind.NOT_THE_FIRST);

    Watermarks anywhere = Watermarks.of(SequenceRules.exact().startingAnywhere());
    assertThat(take(anywhere, TWO, ONE)).isTrue();
    assertThat(take(anywhere, ONE, Place.START)).as("what is before the start").isFalse();
    assertThat(gap(anywhere, FOUR, THREE).kind()).isEqualTo(Kind.MISSING);
  }

  @Test
  void a_record_that_follows_an_earlier_one_than_was_seen_is_no_gap() {
    take(marks, ONE, Place.START);
    take(marks, TWO, ONE);

    assertThat(take(marks, THREE, ONE)).isTrue();
    assertThat(gap(marks, Place.of(5, 0), FOUR).kind()).isEqualTo(Kind.MISSING);
  }

  @Test
  void a_record_that_was_seen_and_never_committed_is_a_gap_if_that_is_asked_for() {
    Watermarks strict = Watermarks.of(SequenceRules.exact().refusingWithdrawn());
    take(strict, ONE, Place.START);
    take(strict, TWO, ONE);

    GapException gap = gap(strict, THREE, ONE);
    assertThat(gap.kind()).isEqualTo(Kind.WITHDRAWN);
    strict.moveTo(MAIN, gap.expected());
    assertThat(take(strict, THREE, ONE)).isTrue();
  }

  @Test
  void a_relay_that_was_rewound_repeats_and_goes_on() {
    take(marks, ONE, Place.START);
    take(marks, TWO, ONE);
    take(marks, THREE, TWO);

    assertThat(take(marks, TWO, Place.START)).isFalse();
    assertThat(take(marks, THREE, TWO)).isFalse();
    assertThat(take(marks, FOUR, THREE)).isTrue();
  }

  @Test
  void with_holes_allowed_order_is_kept_and_repeats_are_dropped() {
    Watermarks holes = Watermarks.of(SequenceRules.exact().allowingHoles());

    assertThat(take(holes, TWO, ONE)).isTrue();
    assertThat(take(holes, FOUR, THREE)).isTrue();
    assertThat(take(holes, THREE, TWO)).isFalse();
  }

  @Test
  void relays_lanes_series_and_partitions_in_one_reader_do_not_disturb_each_other() {
    SequenceId[] all = {
      MAIN,
      new SequenceId("shop", 1, Records.TOPIC, 0),
      new SequenceId("shop", 0, Records.TOPIC, 1),
      new SequenceId("shop~2", 0, Records.TOPIC, 0),
      new SequenceId("stock", 0, Records.TOPIC, 0)
    };
    for (SequenceId sequence : all) {
      assertThat(marks.isNew(Records.event(TWO, Place.START).in(sequence).decoded())).isTrue();
    }
    for (SequenceId sequence : all) {
      assertThat(marks.isNew(Records.event(THREE, TWO).in(sequence).decoded())).isTrue();
      assertThat(marks.isNew(Records.event(TWO, Place.START).in(sequence).decoded())).isFalse();
    }
    assertThat(marks.all()).hasSize(all.length).containsValue(THREE).doesNotContainValue(TWO);
  }

  @Test
  void places_are_written_and_read_back() {
    assertThat(Place.parse("12:3")).isEqualTo(Place.of(12, 3)).hasToString("12:3");
    assertThatThrownBy(() -> Place.parse("12")).isInstanceOf(IllegalArgumentException.class);
    assertThat(Place.of(2, 0)).isLessThan(Place.of(2, 1));
    assertThat(Place.of(2, 1)).isLessThan(Place.of(10, 0));
  }

  private static boolean take(Watermarks marks, Place place, Place previous) {
    return marks.isNew(Records.event(place, previous).decoded());
  }

  private static GapException gap(Watermarks marks, Place place, Place previous) {
    return catchThrowableOfType(GapException.class, () -> take(marks, place, previous));
  }
}
