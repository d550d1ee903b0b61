package dev.pgeventstore;

/**
 * An append brought ids that the stream has already, but with other content, in another order or at
 * another place: neither a retry of that append nor a new one. Nothing was written.
 */
public class EventIdReusedException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  private final transient StreamId stream;

  /**
   * For one stream.
   *
   * @param stream the stream that has the ids
   * @param message which ids and what is different
   */
  public EventIdReusedException(StreamId stream, String message) {
    super(message);
    this.stream = stream;
  }

  /**
   * The stream that has the ids.
   *
   * @return its id
   */
  public StreamId stream() {
    return stream;
  }
}
