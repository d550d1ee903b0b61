package dev.pgeventstore;

/** One condition of an append that was not met. More kinds may come; each carries its facts. */
public sealed interface Conflict {

  /**
   * A stream was at another version than expected.
   *
   * @param stream the stream
   * @param expected what the append was decided on
   * @param actual its version when the append was tried, 0 for an unknown stream
   */
  record StreamVersion(StreamId stream, ExpectedVersion expected, long actual) implements Conflict {

    @Override
    public String toString() {
      return "stream %s is at version %d, expected %s".formatted(stream, actual, expected);
    }
  }
}
