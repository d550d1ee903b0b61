package dev.pgeventstore.benchmarks;

import java.util.List;

/**
 * The median of a sample, and bounds between which the true median lies with some confidence,
 * whatever the distribution.
 *
 * <p>Each value is below the true median with a probability of one half, so the number of such
 * values has a binomial distribution. The bounds are the k-th smallest and the k-th largest value,
 * and the confidence is {@code 1 - 2 P(B < k)} with B binomial of n and one half (H. A. David and
 * H. N. Nagaraja, Order Statistics, 3rd edition, 2003, section 7.1). k is the largest for which the
 * confidence is 95 % or more. For fewer than six values there is no such k. Then the bounds are the
 * smallest and the largest value, and the confidence is lower.
 *
 * @param median the median of the sample
 * @param lower the lower bound
 * @param upper the upper bound
 * @param confidence the confidence of the bounds, from 0 to 1
 */
record Interval(double median, double lower, double upper, double confidence) {

  static final double WANTED = 0.95;

  static Interval ofMedian(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    int n = sorted.size();
    int k = 1;
    while (k + 1 <= n / 2 && confidence(n, k + 1) >= WANTED) {
      k++;
    }
    return new Interval(median(sorted), sorted.get(k - 1), sorted.get(n - k), confidence(n, k));
  }

  /**
   * The confidence that the median lies between the k-th smallest and the k-th largest of n values.
   */
  static double confidence(int n, int k) {
    double exactly = Math.pow(0.5, n);
    double fewer = 0;
    for (int below = 0; below < k; below++) {
      fewer += exactly;
      exactly = exactly * (n - below) / (below + 1);
    }
    return Math.max(0, 1 - 2 * fewer);
  }

  static double median(List<Double> sorted) {
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  /** Whether there were enough values for a confidence of 95 %. */
  boolean isConfident() {
    return confidence >= WANTED;
  }
}
