package dev.pgeventstore;

import java.util.Objects;

/**
 * What must hold when an append is written, checked under the same locks that the writing takes.
 * More kinds may come.
 */
public sealed interface Condition {

  /**
   * A stream is at an expected version, whether the append writes to it or not.
   *
   * @param stream the stream
   * @param expected the version
   */
  record StreamVersion(StreamId stream, ExpectedVersion expected) implements Condition {

    /**
     * Refuses nulls: an expectation that is missing must not be taken for {@link
     * ExpectedVersion#any()}.
     *
     * @param stream the stream
     * @param expected the version
     * @throws NullPointerException if one is null
     */
    public StreamVersion {
      Objects.requireNonNull(stream, "the stream of a condition is null");
      Objects.requireNonNull(expected, "the expected version of a stream is null");
    }
  }
}
