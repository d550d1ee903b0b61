package dev.pgeventstore;

import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The version of a stream that an append was decided on. Immutable.
 *
 * <p>A stream's version is the number of its last event; an unknown stream is at version 0.
 */
public final class ExpectedVersion {

  private static final ExpectedVersion ANY = new ExpectedVersion(0, Long.MAX_VALUE);
  private static final ExpectedVersion NO_STREAM = new ExpectedVersion(0, 0);
  private static final ExpectedVersion STREAM_EXISTS = new ExpectedVersion(1, Long.MAX_VALUE);

  private final long lowest;
  private final long highest;

  private ExpectedVersion(long lowest, long highest) {
    this.lowest = lowest;
    this.highest = highest;
  }

  /**
   * Whatever the version is: never a conflict.
   *
   * @return the expectation
   */
  public static ExpectedVersion any() {
    return ANY;
  }

  /**
   * The stream has no event yet.
   *
   * @return the expectation
   */
  public static ExpectedVersion noStream() {
    return NO_STREAM;
  }

  /**
   * The stream has at least one event.
   *
   * @return the expectation
   */
  public static ExpectedVersion streamExists() {
    return STREAM_EXISTS;
  }

  /**
   * The stream is at this very version.
   *
   * @param version 0 or more; 0 is the same as {@link #noStream()}
   * @return the expectation
   * @throws IllegalArgumentException if the version is negative
   */
  public static ExpectedVersion exactly(long version) {
    if (version < 0) {
      throw new IllegalArgumentException("an expected version is 0 or more, not " + version);
    }
    return version == 0 ? NO_STREAM : new ExpectedVersion(version, version);
  }

  /**
   * Whether a stream at this version meets the expectation.
   *
   * @param version the stream's version, 0 if it is unknown
   * @return true if an append decided on this expectation may go ahead
   */
  public boolean isMetBy(long version) {
    return lowest <= version && version <= highest;
  }

  /**
   * The one version that meets the expectation.
   *
   * @return 0 for {@link #noStream()}; empty if several versions do
   */
  public OptionalLong onlyVersion() {
    return lowest == highest ? OptionalLong.of(lowest) : OptionalLong.empty();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ExpectedVersion that
        && lowest == that.lowest
        && highest == that.highest;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(lowest) * 31 + Long.hashCode(highest);
  }

  @Override
  public String toString() {
    if (equals(ANY)) {
      return "any version";
    }
    if (equals(NO_STREAM)) {
      return "no stream";
    }
    return equals(STREAM_EXISTS) ? "an existing stream" : "version " + lowest;
  }
}
