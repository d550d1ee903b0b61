package dev.pgeventstore.kafka;

/**
 * How many events to read at once. A page becomes a transaction, and a transaction costs the same
 * whatever is in it, so pages grow under load; and they shrink when events are large, because they
 * are held in memory.
 */
final class PageSize {

  private static final int FIRST = 500;
  private static final int SMALLEST = 50;
  private static final int LARGEST = 5_000;
  private static final long MOST_BYTES = 4L * 1024 * 1024;

  private int limit = FIRST;

  int limit() {
    return limit;
  }

  /** Takes in what a page came to. */
  void handled(int events, long bytes) {
    if (bytes > MOST_BYTES) {
      limit = Math.max(SMALLEST, limit / 2);
    } else if (events == limit && bytes < MOST_BYTES / 2) {
      limit = Math.min(LARGEST, limit * 2);
    }
  }
}
