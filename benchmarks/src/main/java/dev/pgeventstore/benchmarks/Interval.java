package dev.pgeventstore.benchmarks;

import java.util.List;

/**
 * The median of a sample, and bounds between which the median of all that could have been measured
 * lies with some confidence, whatever the distribution.
 *
 * <p>Each value is below that median with a chance of one half, so how many are is a binomial
 * number. The bounds are the k-th smallest and the k-th largest value, and the confidence is {@code
 * 1 - 2 P(B < k)} with B binomial of n and one half (H. A. David and H. N. Nagaraja, Order
 * Statistics, 3rd edition, 2003, section 7.1). k is the largest for which it is 95 % or more. Of
 * fewer than six values there is none: then the bounds are the smallest and the largest value, and
 * the confidence is less.
 *
 * @param median of the sample
 * @param lower bound
 * @param upper bound
 * @param confidence of the bounds, from 0 to 1
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

  /** That the median lies between the k-th smallest and the k-th largest of n values. */
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

  /** Whether there were values enough. */
  boolean isConfident() {
    return confidence >= WANTED;
  }
}
