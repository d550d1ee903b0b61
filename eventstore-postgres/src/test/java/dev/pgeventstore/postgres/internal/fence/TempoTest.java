package dev.pgeventstore.postgres.internal.fence;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class TempoTest {

  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private final Tempo tempo = new Tempo();
  private long now;
  private long took = TimeUnit.MICROSECONDS.toNanos(150);

  private void append(int count, int perSecond) {
    for (int i = 0; i < count; i++) {
      now += SECOND / perSecond;
      tempo.found(1, now, took);
    }
  }

  @Test
  void where_little_happens_nobody_waits() {
    append(1_000, 200);

    assertThat(tempo.pause(0)).isEqualTo(Tempo.SHORTEST);
  }

  @Test
  void the_more_happens_the_longer_is_the_pause() {
    append(2_000, 2_000);
    long busy = tempo.pause(0);
    append(8_000, 8_000);
    long busier = tempo.pause(0);

    assertThat(busy).isBetween(4 * Tempo.SHORTEST, 6 * Tempo.SHORTEST);
    assertThat(busier).isBetween(18 * Tempo.SHORTEST, Tempo.LONGEST);
  }

  @Test
  void where_observations_take_long_there_are_fewer_but_not_where_little_happens() {
    append(1_000, 800);
    long usual = tempo.pause(0);
    took *= 8;
    append(1_000, 800);

    assertThat(tempo.pause(0)).isGreaterThan(3 * usual);

    append(1_000, 200);
    assertThat(tempo.pause(0)).isEqualTo(Tempo.SHORTEST);
  }

  @Test
  void no_pause_is_longer_than_the_longest_and_it_is_over_soon() {
    tempo.found(10_000_000, now, took);
    assertThat(tempo.pause(0)).isEqualTo(Tempo.LONGEST);

    now += SECOND / 2;
    tempo.found(1, now, took);

    assertThat(tempo.pause(0)).isEqualTo(Tempo.SHORTEST);
  }

  @Test
  void it_does_not_matter_in_how_many_observations_it_was_found() {
    for (int i = 0; i < 100; i++) {
      now += SECOND / 100;
      tempo.found(40, now, took);
    }
    long seldom = tempo.pause(0);
    append(4_000, 4_000);

    assertThat((double) tempo.pause(0)).isBetween(0.9 * seldom, 1.1 * seldom);
  }

  @Test
  void the_more_readers_are_woken_the_longer_is_the_pause_but_not_where_little_happens() {
    append(1_000, 2_000);
    assertThat(tempo.pause(8)).isBetween(2 * tempo.pause(1), 3 * tempo.pause(1));
    assertThat(tempo.pause(100)).isEqualTo(tempo.pause(8));
    append(100_000, 100_000);
    assertThat(tempo.pause(8)).isEqualTo(3 * Tempo.LONGEST);

    append(1_000, 200);
    assertThat(tempo.pause(8)).isEqualTo(Tempo.SHORTEST);
  }
}
