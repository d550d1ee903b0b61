package dev.pgeventstore.examples.loans;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ImportProgressTest {

  private final List<String> lines = new ArrayList<>();
  private final SetClock clock = new SetClock();
  private final ImportProgress progress = new ImportProgress(lines::add, clock);

  @Test
  void one_line_is_printed_a_second_however_much_is_done() {
    for (int i = 0; i < 1_000; i++) {
      clock.now = clock.now.plusMillis(2);
      progress.add(20, 1);
    }

    assertThat(lines)
        .containsExactly(
            "500 applications: 10,000 events appended, 500 were there already, 10,500 events/s",
            "1,000 applications: 20,000 events appended, 1,000 were there already, 10,500 events/s");
  }

  @Test
  void no_line_is_printed_while_nothing_is_done() {
    progress.add(20, 1);
    clock.now = clock.now.plus(Duration.ofHours(1));

    assertThat(lines).isEmpty();
  }

  private static final class SetClock extends Clock {

    private Instant now = Instant.EPOCH;

    @Override
    public Instant instant() {
      return now;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      throw new UnsupportedOperationException();
    }
  }
}
