package dev.pgeventstore.postgres.internal.fence;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CadenceTest {

  private static final long POLL = TimeUnit.MILLISECONDS.toNanos(250);
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
  private static final long TICK = TimeUnit.MILLISECONDS.toNanos(2);

  /** The clock starts anywhere, and may be about to overflow. */
  @ParameterizedTest
  @ValueSource(longs = {0, Long.MAX_VALUE - 2_000_000_000L, Long.MIN_VALUE})
  void while_a_reader_observes_it_is_not_due_at_once_whatever_is_signalled(long start) {
    Cadence cadence = observed(start);
    long now = start + SECOND;
    assertThat(cadence.due(true, 1) - now).isLessThanOrEqualTo(0);

    cadence.postpone(now);

    assertThat(cadence.due(true, 1) - now).isEqualTo(TICK);
    assertThat(cadence.due(false, 1) - now).isEqualTo(TICK);
  }

  @Test
  void what_was_postponed_is_no_reason_to_look_more_often_after_that() {
    Cadence cadence = observed(0);
    cadence.postpone(SECOND);
    cadence.begins(SECOND + TICK, false);
    cadence.observed(1, 0, false, 1);

    assertThat(cadence.isPolling()).isTrue();
    assertThat(cadence.due(false, 1)).isEqualTo(SECOND + TICK + POLL);
  }

  @Test
  void what_is_postponed_is_not_due_later_than_it_was() {
    Cadence cadence = observed(0);
    cadence.postpone(TICK);

    assertThat(cadence.due(false, 1)).isEqualTo(POLL);
  }

  private static Cadence observed(long start) {
    Cadence cadence = new Cadence(POLL, start);
    cadence.begins(start, false);
    cadence.observed(1, 0, false, 1);
    return cadence;
  }
}
