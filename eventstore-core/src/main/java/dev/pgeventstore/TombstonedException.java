package dev.pgeventstore;

/**
 * An append writes to a stream, or checks one, that was tombstoned: it is gone for good and takes
 * no event any more, whatever is expected of it. Nothing was written, and trying again will not
 * help.
 */
public class TombstonedException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  private final transient StreamId stream;

  /**
   * For one stream.
   *
   * @param stream the stream that is gone
   */
  public TombstonedException(StreamId stream) {
    super("stream %s is tombstoned: it is gone for good; nothing was written".formatted(stream));
    this.stream = stream;
  }

  /**
   * The stream that is gone; the first one, if there are several.
   *
   * @return its id
   */
  public StreamId stream() {
    return stream;
  }
}
