package dev.pgeventstore.kafka.internal.relay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Position;
import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What a lane complains of, and what not. */
class ProgressTest {

  private static final RelayNews NOBODY = new RelayNews(Scheduler.threads(), "relay", null);

  private static final Duration SOON = Duration.ofMillis(50);
  private final Progress progress = new Progress(Scheduler.threads(), 0, SOON, NOBODY);

  private void awaitComplaint() {
    await().atMost(Duration.ofSeconds(10)).until(() -> !progress.status().isHealthy());
  }

  @Test
  void one_that_takes_over_and_fails_again_and_again_complains_although_it_leads_in_between() {
    await()
        .atMost(Duration.ofSeconds(10))
        .until(
            () -> {
              progress.begins();
              progress.reached(Position.of(7), Position.of(9));
              progress.leads();
              progress.retrying(new IllegalStateException("not allowed"));
              return !progress.status().isHealthy();
            });
    assertThat(progress.status().complaint().orElseThrow()).contains("not allowed");
  }

  @Test
  void two_that_fail_in_turns_complain_while_they_stand_by() {
    await()
        .atMost(Duration.ofSeconds(10))
        .until(
            () -> {
              progress.retrying(new IllegalStateException("Kafka is away"));
              progress.standsBy();
              return !progress.status().isHealthy();
            });
    assertThat(progress.status().complaint().orElseThrow()).contains("Kafka is away");
  }

  @Test
  void one_that_stands_by_for_long_has_nothing_to_complain_of() {
    progress.retrying(new IllegalStateException("at first"));
    awaitComplaint();
    progress.standsBy();
    await().atMost(Duration.ofSeconds(10)).until(() -> progress.status().isHealthy());
  }

  @Test
  void what_comes_after_a_long_rest_is_not_late_at_once() {
    Progress calm = new Progress(Scheduler.threads(), 0, Duration.ofDays(1), NOBODY);
    calm.reached(Position.of(7), Position.of(7));
    calm.leads();
    calm.settled(Position.of(8));
    assertThat(calm.status().isHealthy()).isTrue();
    assertThat(calm.status().lag()).isEqualTo(1);

    progress.reached(Position.of(7), Position.of(7));
    progress.leads();
    progress.settled(Position.of(8));
    awaitComplaint();
    assertThat(progress.status().complaint().orElseThrow()).contains("1 positions behind");
    progress.reached(Position.of(8), Position.of(8));
    assertThat(progress.status().isHealthy()).isTrue();
  }
}
