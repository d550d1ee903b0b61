package dev.pgeventstore.kafka.internal.writer;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** How the size of transactions follows what a broker takes. */
class TransactionSizeTest {

  private static final long SECOND = Duration.ofSeconds(1).toNanos();
  private static final long KB = 1024;

  private final TransactionSize size =
      new TransactionSize(Duration.ofSeconds(8), Duration.ofMinutes(1));
  private long now = -5 * SECOND;

  private void acknowledge(long bytes, long after) {
    long sent = now;
    now += after;
    size.acknowledged(bytes, sent, now);
  }

  @Test
  void it_doubles_while_all_of_it_is_used_and_acknowledged_soon() {
    acknowledge(256 * KB, SECOND / 2);
    assertThat(size.bytes()).isEqualTo(512 * KB);
    acknowledge(512 * KB, SECOND / 2);
    assertThat(size.bytes()).isEqualTo(1024 * KB);
    acknowledge(10 * KB, SECOND / 2);
    assertThat(size.bytes()).as("little was sent").isEqualTo(1024 * KB);
    acknowledge(1024 * KB, 3 * SECOND / 2);
    assertThat(size.bytes()).as("it was not that soon").isEqualTo(1024 * KB);
    for (int i = 0; i < 10; i++) {
      acknowledge(size.bytes(), SECOND / 2);
    }
    assertThat(size.bytes()).as("the most").isEqualTo(16 * 1024 * KB);
  }

  @Test
  void it_halves_when_it_takes_too_long_and_grows_by_steps_from_there() {
    acknowledge(256 * KB, SECOND / 2);
    acknowledge(512 * KB, 3 * SECOND);
    assertThat(size.bytes()).isEqualTo(256 * KB);
    acknowledge(256 * KB, SECOND / 2);
    assertThat(size.bytes()).isEqualTo((256 + 128) * KB);
    size.timedOut(now, now + 8 * SECOND);
    now += 8 * SECOND;
    assertThat(size.bytes()).isEqualTo(192 * KB);
    for (int i = 0; i < 20; i++) {
      size.timedOut(now, now + SECOND);
      now += SECOND;
    }
    assertThat(size.bytes()).as("the least").isEqualTo(8 * KB);
  }

  @Test
  void it_is_over_within_half_the_time_of_a_lease() {
    TransactionSize leased = new TransactionSize(Duration.ofMinutes(1), Duration.ofSeconds(2));
    assertThat(leased.longest()).isEqualTo(SECOND);
    leased.acknowledged(256 * KB, now, now + 2 * SECOND);
    assertThat(leased.bytes()).isEqualTo(128 * KB);
    assertThat(size.longest()).as("a quarter of the time-out").isEqualTo(2 * SECOND);
  }

  /** Or all that was under way would halve it again and again. */
  @Test
  void what_was_sent_before_it_changed_changes_it_no_more() {
    long sent = now;
    size.acknowledged(256 * KB, sent, sent + 3 * SECOND);
    size.acknowledged(256 * KB, sent + SECOND, sent + 4 * SECOND);
    size.timedOut(sent + 2 * SECOND, sent + 9 * SECOND);
    assertThat(size.bytes()).isEqualTo(128 * KB);
  }
}
