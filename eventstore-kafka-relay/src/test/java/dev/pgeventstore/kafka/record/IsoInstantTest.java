package dev.pgeventstore.kafka.record;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IsoInstantTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1970-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999999Z",
        "2024-02-29T23:59:59.100Z",
        "2026-11-21T20:00:37.000001Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "-0001-12-31T23:59:59Z",
        "+10000-01-01T00:00:00Z"
      })
  void a_time_is_written_as_the_jdk_writes_it(String text) {
    assertThat(new String(IsoInstant.bytes(Instant.parse(text)), UTF_8)).isEqualTo(text);
  }

  @Test
  void so_are_any_others() {
    Random random = new Random(1);
    for (int i = 0; i < 100_000; i++) {
      Instant instant =
          Instant.ofEpochSecond(
              random.nextLong(Instant.MIN.getEpochSecond() / 100_000, 300_000_000_000L),
              random.nextInt(1_000) * (long) Math.pow(10, random.nextInt(7)));
      assertThat(new String(IsoInstant.bytes(instant), UTF_8)).isEqualTo(instant.toString());
    }
  }
}
