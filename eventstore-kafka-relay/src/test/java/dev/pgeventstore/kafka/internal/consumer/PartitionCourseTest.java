package dev.pgeventstore.kafka.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.kafka.internal.consumer.PartitionCourse.Mode;
import dev.pgeventstore.subscription.FailurePolicy;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PartitionCourseTest {

  private static final Duration FIRST = Duration.ofMillis(10);
  private static final Duration LONGEST = Duration.ofSeconds(5);
  private static final FailurePolicy PAUSES =
      FailurePolicy.retry(1).backOff(FIRST, LONGEST).thenStop();

  private final PartitionCourse course = new PartitionCourse(2, PAUSES, true);

  @Test
  void those_before_the_culprit_are_handled_and_it_is_tried_alone_and_set_aside() {
    assertThat(course.next(5)).isEqualTo(5);
    assertThat(course.failed(Blame.RECORD, 5)).isZero();
    assertThat(course.next(5)).isEqualTo(1);
    assertThat(course.attempts()).isZero();
    course.done(1);
    assertThat(course.next(4)).isEqualTo(1);

    assertThat(course.failed(Blame.RECORD, 1)).isEqualTo(FIRST);
    assertThat(course.failed(Blame.RECORD, 1)).isEqualTo(FIRST.multipliedBy(2));
    assertThat(course.mode()).isEqualTo(Mode.ALONE);
    assertThat(course.failed(Blame.RECORD, 1)).isZero();
    assertThat(course.attempts()).isEqualTo(3);
    assertThat(course.mode()).isEqualTo(Mode.SET_ASIDE);

    course.done(1);
    assertThat(course.attempts()).isZero();
    assertThat(course.next(3)).as("the rest of those that failed together").isEqualTo(1);
    course.done(1);
    course.done(1);
    course.done(1);
    assertThat(course.next(3)).isEqualTo(3);
  }

  @Test
  void without_dead_letters_it_stops_until_it_is_resumed() {
    PartitionCourse stopping = new PartitionCourse(0, PAUSES, false);
    stopping.failed(Blame.RECORD, 1);
    assertThat(stopping.mode()).isEqualTo(Mode.STOPPED);

    stopping.resume();
    assertThat(stopping.attempts()).isZero();
    assertThat(stopping.next(3)).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource(names = {"ENVIRONMENT", "MARK_HELD"})
  void what_is_not_the_records_fault_is_no_attempt_however_often_it_comes(Blame blame) {
    course.failed(Blame.RECORD, 1);
    for (int time = 1; time <= 100; time++) {
      Duration pause = course.failed(blame, 1);
      assertThat(pause).isPositive().isLessThanOrEqualTo(LONGEST);
    }
    assertThat(course.attempts()).isEqualTo(1);
    assertThat(course.mode()).isEqualTo(Mode.ALONE);
  }

  @Test
  void a_mark_is_tried_again_soon_however_long_it_was_held() {
    for (int time = 1; time <= 100; time++) {
      assertThat(course.failed(Blame.MARK_HELD, 3)).isLessThanOrEqualTo(Duration.ofSeconds(1));
    }
    assertThat(course.next(3)).isEqualTo(3);
  }

  @Test
  void what_cannot_be_read_stops_behind_those_before_it_and_sets_nothing_aside() {
    assertThat(course.failed(Blame.HOPELESS, 2)).isZero();
    assertThat(course.mode()).isEqualTo(Mode.ALONE);
    course.done(1);
    course.failed(Blame.HOPELESS, 1);
    assertThat(course.mode()).isEqualTo(Mode.STOPPED);
  }

  @Test
  void a_broken_machine_stops_at_once() {
    course.failed(Blame.MACHINE, 7);
    assertThat(course.mode()).isEqualTo(Mode.STOPPED);
  }

  @Test
  void what_is_in_the_dead_letter_topic_is_not_handled_as_well() {
    setAside();
    course.letterSent();
    course.failed(Blame.ENVIRONMENT, 1);
    assertThat(course.mode()).isEqualTo(Mode.SET_ASIDE);
    course.failed(Blame.MACHINE, 1);
    course.resume();
    assertThat(course.mode()).isEqualTo(Mode.SET_ASIDE);
    assertThat(course.isLetterSent()).isTrue();

    course.done(1);
    assertThat(course.isLetterSent()).isFalse();
    assertThat(course.mode()).isEqualTo(Mode.TOGETHER);
  }

  @Test
  void what_could_not_be_sent_to_the_dead_letter_topic_is_tried_when_it_is_resumed() {
    setAside();
    course.failed(Blame.HOPELESS, 1);
    assertThat(course.mode()).isEqualTo(Mode.STOPPED);
    course.resume();
    assertThat(course.mode()).isEqualTo(Mode.ALONE);
  }

  private void setAside() {
    for (int attempt = 1; attempt <= 3; attempt++) {
      course.failed(Blame.RECORD, 1);
    }
    assertThat(course.mode()).isEqualTo(Mode.SET_ASIDE);
  }
}
