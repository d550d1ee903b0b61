package dev.pgeventstore;

/**
 * The version of a stream that an append was decided on.
 *
 * <p>A stream's version is the number of its last event; an unknown stream is at version 0.
 */
public sealed interface ExpectedVersion {

  /**
   * Whatever the version is: never a conflict.
   *
   * @return the expectation
   */
  static ExpectedVersion any() {
    return Any.ANY;
  }

  /**
   * The stream has no event yet.
   *
   * @return the expectation
   */
  static ExpectedVersion noStream() {
    return NoStream.NO_STREAM;
  }

  /**
   * The stream has at least one event.
   *
   * @return the expectation
   */
  static ExpectedVersion streamExists() {
    return StreamExists.STREAM_EXISTS;
  }

  /**
   * The stream is at this very version.
   *
   * @param version 0 or more; 0 is the same as {@link #noStream()}
   * @return the expectation
   * @throws IllegalArgumentException if the version is negative
   */
  static ExpectedVersion exactly(long version) {
    return version == 0 ? NoStream.NO_STREAM : new Exactly(version);
  }

  /**
   * Whether a stream at this version meets the expectation.
   *
   * @param version the stream's version, 0 if it is unknown
   * @return true if an append decided on this expectation may go ahead
   */
  boolean isMetBy(long version);

  /** Whatever the version is. */
  enum Any implements ExpectedVersion {
    /** The only one. */
    ANY;

    @Override
    public boolean isMetBy(long version) {
      return true;
    }

    @Override
    public String toString() {
      return "any version";
    }
  }

  /** The stream has no event yet. */
  enum NoStream implements ExpectedVersion {
    /** The only one. */
    NO_STREAM;

    @Override
    public boolean isMetBy(long version) {
      return version == 0;
    }

    @Override
    public String toString() {
      return "no stream";
    }
  }

  /** The stream has at least one event. */
  enum StreamExists implements ExpectedVersion {
    /** The only one. */
    STREAM_EXISTS;

    @Override
    public boolean isMetBy(long version) {
      return version > 0;
    }

    @Override
    public String toString() {
      return "an existing stream";
    }
  }

  /**
   * The stream is at this very version.
   *
   * @param version 1 or more
   */
  record Exactly(long version) implements ExpectedVersion {

    /**
     * Checks the range.
     *
     * @param version 1 or more
     * @throws IllegalArgumentException if the version is below 1
     */
    public Exactly {
      if (version < 1) {
        throw new IllegalArgumentException(
            version == 0
                ? "version 0 is noStream()"
                : "an expected version is 0 or more, not " + version);
      }
    }

    @Override
    public boolean isMetBy(long actual) {
      return actual == version;
    }

    @Override
    public String toString() {
      return "version " + version;
    }
  }
}
