package dev.pgeventstore.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;

class WarmUpTest {

  private long millis;
  private long compiled;

  /** Each turn takes 300 ms, and some compiler time. */
  private WarmUp.Outcome warm(int longestSeconds, IntUnaryOperator compilerMillisOfTurn)
      throws Exception {
    int[] turn = {0};
    return new WarmUp(
            Duration.ofSeconds(longestSeconds),
            () -> TimeUnit.MILLISECONDS.toNanos(millis),
            () -> compiled)
        .warm(
            () -> {
              millis += 300;
              compiled += compilerMillisOfTurn.applyAsInt(++turn[0]);
            });
  }

  @Test
  void it_ends_after_a_second_in_which_the_compiler_was_quiet() throws Exception {
    // Busy until 6 s; the window of 4 turns that ends then is busy, the next one is quiet.
    WarmUp.Outcome outcome = warm(60, turn -> turn <= 20 ? 150 : 1);
    assertThat(outcome.quiet()).isTrue();
    assertThat(outcome.turns()).isEqualTo(24);
  }

  @Test
  void a_quiet_turn_among_busy_ones_does_not_end_it() throws Exception {
    assertThat(warm(12, turn -> turn % 4 == 0 ? 100 : 0).quiet()).isFalse();
  }

  @Test
  void it_is_bounded() throws Exception {
    WarmUp.Outcome outcome = warm(3, turn -> 150);
    assertThat(outcome.quiet()).isFalse();
    assertThat(outcome.took()).isEqualTo(Duration.ofSeconds(3));
    assertThat(warm(0, turn -> 0).turns()).isZero();
  }
}
