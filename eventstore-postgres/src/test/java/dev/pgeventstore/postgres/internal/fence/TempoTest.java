package dev.pgeventstore.postgres.internal.fence;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class TempoTest {

  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private final Tempo tempo = new Tempo();
  private long now;

  private void append(int count, int perSecond) {
    for (int i = 0; i < count; i++) {
      now += SECOND / perSecond;
      tempo.found(1, now);
    }
  }

  @Test
  void where_little_happens_nobody_waits() {
    append(1_000, 200);

    assertThat(tempo.pause()).isEqualTo(Tempo.SHORTEST);
  }

  @Test
  void the_more_happens_the_longer_is_the_pause() {
    append(2_000, 2_000);
    long busy = tempo.pause();
    append(8_000, 8_000);
    long busier = tempo.pause();

    assertThat(busy).isBetween(3 * Tempo.SHORTEST, 5 * Tempo.SHORTEST);
    assertThat(busier).isBetween(14 * Tempo.SHORTEST, 18 * Tempo.SHORTEST);
  }

  @Test
  void no_pause_is_longer_than_the_longest_and_it_is_over_soon() {
    tempo.found(10_000_000, now);
    assertThat(tempo.pause()).isEqualTo(Tempo.LONGEST);

    now += SECOND / 2;
    tempo.found(1, now);

    assertThat(tempo.pause()).isEqualTo(Tempo.SHORTEST);
  }

  @Test
  void it_does_not_matter_in_how_many_observations_it_was_found() {
    for (int i = 0; i < 100; i++) {
      now += SECOND / 100;
      tempo.found(40, now);
    }
    long seldom = tempo.pause();
    append(4_000, 4_000);

    assertThat((double) tempo.pause()).isBetween(0.9 * seldom, 1.1 * seldom);
  }
}
