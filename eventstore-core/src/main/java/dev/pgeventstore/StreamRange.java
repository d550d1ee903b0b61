package dev.pgeventstore;

import org.jspecify.annotations.Nullable;

/** Which events of a stream to read, and in which direction. Immutable. */
public final class StreamRange {

  private static final StreamRange FORWARDS =
      new StreamRange(true, 1, Long.MAX_VALUE, Integer.MAX_VALUE);

  private final boolean forwards;
  private final long first;
  private final long last;
  private final int limit;

  private StreamRange(boolean forwards, long first, long last, int limit) {
    this.forwards = forwards;
    this.first = first;
    this.last = last;
    this.limit = limit;
  }

  /**
   * All events, oldest first.
   *
   * @return the whole stream
   */
  public static StreamRange forwards() {
    return FORWARDS;
  }

  /**
   * From a version on, oldest first.
   *
   * @param version the first to read, 1 or more
   * @return the range
   * @throws IllegalArgumentException if the version is below 1
   */
  public static StreamRange forwardsFrom(long version) {
    return new StreamRange(true, requireVersion(version), Long.MAX_VALUE, Integer.MAX_VALUE);
  }

  /**
   * All events, newest first.
   *
   * @return the whole stream, backwards
   */
  public static StreamRange backwards() {
    return new StreamRange(false, 1, Long.MAX_VALUE, Integer.MAX_VALUE);
  }

  /**
   * From a version down, newest first.
   *
   * @param version the first to read, 1 or more
   * @return the range
   * @throws IllegalArgumentException if the version is below 1
   */
  public static StreamRange backwardsFrom(long version) {
    return new StreamRange(false, 1, requireVersion(version), Integer.MAX_VALUE);
  }

  /**
   * The same, without later events.
   *
   * @param version the largest version that is read, 1 or more
   * @return a narrower copy
   * @throws IllegalArgumentException if the version is below 1
   */
  public StreamRange upTo(long version) {
    return new StreamRange(forwards, first, Math.min(last, requireVersion(version)), limit);
  }

  /**
   * The same, but no more than some events.
   *
   * @param events the most to read, 1 or more
   * @return a narrower copy
   * @throws IllegalArgumentException if the limit is below 1
   */
  public StreamRange limit(int events) {
    if (events < 1) {
      throw new IllegalArgumentException("a limit is 1 or more, not " + events);
    }
    return new StreamRange(forwards, first, last, Math.min(limit, events));
  }

  /** What is left when events up to a version have been read; null if that is nothing. */
  @Nullable StreamRange after(long version, int read) {
    if (limit == read || version == (forwards ? last : first)) {
      return null;
    }
    // No limit stays none: a stream may have more events than an int counts.
    int left = limit == Integer.MAX_VALUE ? limit : limit - read;
    return forwards
        ? new StreamRange(true, version + 1, last, left)
        : new StreamRange(false, first, version - 1, left);
  }

  private static long requireVersion(long version) {
    if (version < 1) {
      throw new IllegalArgumentException(
          "the first event of a stream is version 1, not " + version);
    }
    return version;
  }

  /**
   * The direction.
   *
   * @return true for oldest first
   */
  public boolean isForwards() {
    return forwards;
  }

  /**
   * The lowest version.
   *
   * @return 1 or more
   */
  public long first() {
    return first;
  }

  /**
   * The highest version.
   *
   * @return {@link Long#MAX_VALUE} if it is open
   */
  public long last() {
    return last;
  }

  /**
   * The most events to read.
   *
   * @return {@link Integer#MAX_VALUE} if there is no limit
   */
  public int limit() {
    return limit;
  }
}
