package dev.pgeventstore.kafka.internal.writer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.kafka.internal.writer.Introductions.Target;
import java.time.Duration;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;

/** The first record to a partition goes alone. */
class IntroductionsTest {

  private final Introductions introductions = new Introductions();
  private long now = Long.MAX_VALUE - 5;

  private Target next(String topic, int partition) {
    return introductions.of(new ProducerRecord<>(topic, partition, null, new byte[0]), now);
  }

  @Test
  void what_follows_the_first_one_waits_until_that_is_acknowledged() {
    Target first = next("orders", 0);
    assertThat(first.isWaitedFor()).isFalse();
    assertThat(first.isIntroducedNow()).isTrue();
    Target second = next("orders", 0);
    assertThat(second.isWaitedFor()).isTrue();
    first.known();
    assertThat(second.isWaitedFor()).isFalse();
    assertThat(second.isIntroducedNow()).isFalse();
  }

  @Test
  void partitions_do_not_wait_for_each_other() {
    assertThat(next("orders", 0).isIntroducedNow()).isTrue();
    assertThat(next("orders", 1).isWaitedFor()).isFalse();
    assertThat(next("orders", 1).isIntroducedNow()).isTrue();
    assertThat(next("letters", 0).isIntroducedNow()).isTrue();
  }

  /** The broker may have forgotten the producer. */
  @Test
  void after_a_rest_the_next_one_goes_alone_again() {
    Target target = next("orders", 0);
    assertThat(target.isIntroducedNow()).isTrue();
    target.known();
    now += Duration.ofSeconds(59).toNanos();
    assertThat(next("orders", 0).isIntroducedNow()).isFalse();
    now += Duration.ofSeconds(59).toNanos();
    assertThat(next("orders", 0).isIntroducedNow()).as("it has sent in between").isFalse();
    now += Duration.ofSeconds(61).toNanos();
    assertThat(next("orders", 0).isIntroducedNow()).isTrue();
    assertThat(next("orders", 0).isWaitedFor()).isTrue();
  }
}
