package dev.pgeventstore.postgres.internal.fence;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.postgres.internal.scheduling.TurnedClock;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ObservationsTest {

  private final TurnedClock clock = TurnedClock.standing(-50);
  private final Observations observations = new Observations(clock);

  @Test
  void nobody_asking_is_no_failure() {
    assertThat(observations.unansweredFor()).isZero();
    observations.begins();
    clock.turn(10);
    observations.came(new Mark(1, "life"), false);
    clock.turn(1_000_000);

    assertThat(observations.unansweredFor()).isZero();
  }

  @Test
  void what_does_not_come_back_counts_from_its_beginning() {
    observations.begins();
    clock.turn(10);

    assertThat(observations.unansweredFor()).isEqualTo(Duration.ofNanos(10));
  }

  @Test
  void attempts_that_fail_one_after_the_other_count_from_the_first() {
    observations.begins();
    clock.turn(10);
    observations.begins();
    clock.turn(10);

    assertThat(observations.unansweredFor()).isEqualTo(Duration.ofNanos(20));

    observations.came(new Mark(1, "life"), false);
    assertThat(observations.unansweredFor()).isZero();
    observations.begins();
    clock.turn(5);
    assertThat(observations.unansweredFor()).isEqualTo(Duration.ofNanos(5));
  }

  @Test
  void a_mark_is_held_back_since_it_last_moved() {
    observations.came(new Mark(7, "life"), true);
    clock.turn(10);
    observations.came(new Mark(8, "life"), true);
    assertThat(observations.heldBackFor()).isZero();
    clock.turn(20);
    observations.came(new Mark(8, "life"), true);

    assertThat(observations.heldBackFor()).isEqualTo(Duration.ofNanos(20));

    clock.turn(20);
    observations.came(new Mark(8, "next life"), true);
    assertThat(observations.heldBackFor()).isZero();
  }

  @Test
  void a_mark_with_nothing_above_it_is_not_held_back() {
    observations.came(new Mark(7, "life"), true);
    clock.turn(10);
    observations.came(new Mark(7, "life"), false);
    clock.turn(10);
    assertThat(observations.heldBackFor()).isZero();

    // From now on, not since the last time.
    observations.came(new Mark(7, "life"), true);
    assertThat(observations.heldBackFor()).isZero();
  }

  @Test
  void of_what_happened_after_the_last_observation_nothing_is_claimed() {
    observations.came(new Mark(7, "life"), true);
    clock.turn(10);
    observations.came(new Mark(7, "life"), true);
    clock.turn(1_000);

    assertThat(observations.heldBackFor()).isEqualTo(Duration.ofNanos(10));
  }
}
