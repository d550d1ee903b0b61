package dev.pgeventstore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class UuidV7Test {

  @Test
  void the_version_is_7_and_the_variant_that_of_the_rfc() {
    for (int i = 0; i < 1_000; i++) {
      UUID id = UuidV7.next();
      assertThat(id.version()).isEqualTo(7);
      assertThat(id.variant()).isEqualTo(2);
    }
  }

  @Test
  void the_first_48_bits_are_the_time() {
    long before = System.currentTimeMillis();
    long time = UuidV7.next().getMostSignificantBits() >>> 16;
    // Ids drawn faster than 4,096 in a millisecond borrow from the next ones.
    assertThat(time).isBetween(before, System.currentTimeMillis() + 60_000);
  }

  @Test
  void ids_increase_even_within_a_millisecond() {
    String last = UuidV7.next().toString();
    for (int i = 0; i < 50_000; i++) {
      String next = UuidV7.next().toString();
      assertThat(next.compareTo(last)).isPositive();
      last = next;
    }
  }

  @Test
  void threads_draw_different_ids_each_increasing() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      Callable<List<UUID>> draw =
          () -> {
            List<UUID> drawn = new ArrayList<>();
            for (int i = 0; i < 10_000; i++) {
              drawn.add(UuidV7.next());
            }
            return drawn;
          };
      Set<Long> upper = new HashSet<>();
      for (Future<List<UUID>> future : threads.invokeAll(List.of(draw, draw, draw, draw))) {
        assertThat(future.get()).isSorted();
        future.get().forEach(id -> upper.add(id.getMostSignificantBits()));
      }
      assertThat(upper).hasSize(40_000);
    } finally {
      threads.shutdownNow();
    }
  }
}
