package dev.pgeventstore;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What must hold when an append is written, checked under the same locks that the writing takes.
 * There is one kind now, {@link StreamVersion}; more may come. Made by {@link Append}.
 */
public interface Condition {

  /** A stream is at an expected version, whether the append writes to it or not. Immutable. */
  final class StreamVersion implements Condition {

    private final StreamId stream;
    private final ExpectedVersion expected;

    // An expectation that is missing must not be taken for any version.
    StreamVersion(StreamId stream, ExpectedVersion expected) {
      this.stream = Objects.requireNonNull(stream, "the stream of a condition is null");
      this.expected = Objects.requireNonNull(expected, "the expected version of a stream is null");
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
     * What is expected of it.
     *
     * @return the version
     */
    public ExpectedVersion expected() {
      return expected;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof StreamVersion that
          && stream.equals(that.stream)
          && expected.equals(that.expected);
    }

    @Override
    public int hashCode() {
      return Objects.hash(stream, expected);
    }

    @Override
    public String toString() {
      return "stream %s is at %s".formatted(stream, expected);
    }
  }
}
