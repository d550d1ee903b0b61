package dev.pgeventstore.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A time without end is a long one, and never one that is over. */
class DurationsTest {

  static Stream<Duration> endless() {
    return Stream.of(
        Duration.ofSeconds(Long.MAX_VALUE),
        Duration.ofSeconds(Long.MAX_VALUE, 999_999_999),
        Duration.ofMillis(Long.MAX_VALUE),
        Duration.ofNanos(Long.MAX_VALUE),
        Duration.ofDays(1_000 * 365));
  }

  @ParameterizedTest
  @MethodSource("endless")
  void a_deadline_without_end_is_after_any_moment(Duration time) {
    for (long now : new long[] {System.nanoTime(), Long.MAX_VALUE, Long.MIN_VALUE, 0}) {
      long deadline = now + Durations.nanos(time);
      assertThat(deadline - now).isPositive();
      assertThat(deadline - (now + Duration.ofDays(365).toNanos())).isPositive();
    }
    assertThat(Durations.millis(time)).isGreaterThan(Duration.ofDays(365).toMillis());
  }

  @ParameterizedTest
  @MethodSource("endless")
  void a_deadline_far_in_the_past_has_expired(Duration time) {
    assertThat(Durations.nanos(time.negated())).isNegative();
    assertThat(Durations.millis(time.negated())).isNegative();
  }

  @Test
  void all_other_deadlines_are_exact_and_milliseconds_are_rounded_up() {
    assertThat(Durations.nanos(Duration.ofSeconds(3, 7))).isEqualTo(3_000_000_007L);
    assertThat(Durations.nanos(Duration.ZERO)).isZero();
    assertThat(Durations.millis(Duration.ofNanos(1))).isEqualTo(1);
    assertThat(Durations.millis(Duration.ofMillis(5))).isEqualTo(5);
    assertThat(Durations.millis(Duration.ZERO)).isZero();
  }
}
