package dev.pgeventstore;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One condition of an append that was not met; its text says which. There is one kind now, {@link
 * StreamVersion}; more may come, each of which carries its facts.
 */
public interface Conflict {

  /** A stream was at another version than expected. Immutable. */
  final class StreamVersion implements Conflict {

    private final StreamId stream;
    private final ExpectedVersion expected;
    private final long actual;

    private StreamVersion(StreamId stream, ExpectedVersion expected, long actual) {
      this.stream = stream;
      this.expected = expected;
      this.actual = actual;
    }

    /**
     * For stores: a conflict.
     *
     * @param stream which was at another version
     * @param expected the version the append was decided on
     * @param actual its version when the append was attempted, 0 for an unknown stream
     * @return the conflict
     */
    public static StreamVersion of(StreamId stream, ExpectedVersion expected, long actual) {
      return new StreamVersion(stream, expected, actual);
    }

    /**
     * The stream.
     *
     * @return its id
     */
    public StreamId stream() {
      return stream;
    }

    /**
     * What the append was decided on.
     *
     * @return the expectation that was not met
     */
    public ExpectedVersion expected() {
      return expected;
    }

    /**
     * The version that the stream was at when the append was attempted.
     *
     * @return 0 for an unknown stream
     */
    public long actual() {
      return actual;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof StreamVersion that
          && stream.equals(that.stream)
          && expected.equals(that.expected)
          && actual == that.actual;
    }

    @Override
    public int hashCode() {
      return Objects.hash(stream, expected, actual);
    }

    @Override
    public String toString() {
      return actual == 0
          ? "stream %s does not exist, expected %s".formatted(stream, expected)
          : "stream %s is at version %d, expected %s".formatted(stream, actual, expected);
    }
  }
}
