package dev.pgeventstore.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class IntervalTest {

  @Test
  void for_20_values_the_bounds_are_the_6th_smallest_and_the_6th_largest() {
    Interval interval = Interval.ofMedian(upTo(20));
    assertThat(interval.median()).isEqualTo(10.5);
    assertThat(interval.lower()).isEqualTo(6);
    assertThat(interval.upper()).isEqualTo(15);
    assertThat(interval.confidence()).isCloseTo(0.9586, within(0.0001));
  }

  @Test
  void for_six_values_the_bounds_are_the_smallest_and_the_largest() {
    Interval interval = Interval.ofMedian(upTo(6));
    assertThat(interval.lower()).isEqualTo(1);
    assertThat(interval.upper()).isEqualTo(6);
    assertThat(interval.isConfident()).isTrue();
  }

  @Test
  void for_five_values_there_is_no_interval() {
    Interval interval = Interval.ofMedian(upTo(5));
    assertThat(interval.median()).isEqualTo(3);
    assertThat(interval.lower()).isEqualTo(1);
    assertThat(interval.upper()).isEqualTo(5);
    assertThat(interval.isConfident()).isFalse();
    assertThat(Interval.ofMedian(upTo(1)).confidence()).isZero();
  }

  @Test
  void the_median_lies_within_the_bounds_as_often_as_the_confidence_says() {
    Random random = new Random(42);
    int samples = 10_000;
    long within =
        IntStream.range(0, samples)
            .filter(
                sample -> {
                  // Skewed, as latencies are; the true median is ln 2.
                  Interval interval =
                      Interval.ofMedian(
                          DoubleStream.generate(() -> -Math.log(1 - random.nextDouble()))
                              .limit(20)
                              .boxed()
                              .toList());
                  return interval.lower() <= Math.log(2) && Math.log(2) <= interval.upper();
                })
            .count();
    assertThat((double) within / samples).isCloseTo(0.9586, within(0.01));
  }

  private static List<Double> upTo(int last) {
    return IntStream.rangeClosed(1, last).mapToObj(i -> (double) i).toList();
  }
}
