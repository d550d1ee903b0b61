package dev.pgeventstore;

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
  record StreamVersion(StreamId stream, ExpectedVersion expected) implements Condition {}
}
