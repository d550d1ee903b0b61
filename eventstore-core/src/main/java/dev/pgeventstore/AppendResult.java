package dev.pgeventstore;

import java.util.Map;

/** What an append came to. Immutable. */
public final class AppendResult {

  private final Position position;
  private final Map<StreamId, Long> versions;
  private final boolean replayed;

  private AppendResult(Position position, Map<StreamId, Long> versions, boolean replayed) {
    this.position = position;
    this.versions = Map.copyOf(versions);
    this.replayed = replayed;
  }

  /**
   * For stores: a result.
   *
   * @param position of the last event or message
   * @param versions of the last event of each written stream
   * @param replayed whether an earlier append had written the events already
   * @return the result
   */
  public static AppendResult of(Position position, Map<StreamId, Long> versions, boolean replayed) {
    return new AppendResult(position, versions, replayed);
  }

  /**
   * The position of the last event, or of the last message if the append had any. It serves to wait
   * until a subscription or a relay has come that far; it is no expectation.
   *
   * <p>Of a retry it is the one that the first try had. But if the append has messages it may be a
   * later one, since they may be published and gone: who waits for it waits for them too.
   *
   * @return no smaller than any position of this append
   */
  public Position position() {
    return position;
  }

  /**
   * The version after this append of the one stream it wrote to.
   *
   * @return the version of the last event
   * @throws IllegalStateException if the append wrote to several streams
   */
  public long version() {
    if (versions.size() != 1) {
      throw new IllegalStateException(
          "this append wrote to %d streams: ask for the version of one".formatted(versions.size()));
    }
    return versions.values().iterator().next();
  }

  /**
   * The version of a stream after this append.
   *
   * @param stream one that it wrote to
   * @return the version of the last event
   * @throws IllegalArgumentException if it did not write to that stream
   */
  public long version(StreamId stream) {
    Long version = versions.get(stream);
    if (version == null) {
      throw new IllegalArgumentException("this append did not write to stream " + stream);
    }
    return version;
  }

  /**
   * The streams written to, with the versions of their last events.
   *
   * @return unmodifiable
   */
  public Map<StreamId, Long> versions() {
    return versions;
  }

  /**
   * Whether an earlier try of the same append, told by its event ids, had written the events
   * already. Then this is the result of that one, and nothing was written now.
   *
   * @return true for a retry of what was committed before
   */
  public boolean replayed() {
    return replayed;
  }

  @Override
  public String toString() {
    return "position %s, versions %s%s".formatted(position, versions, replayed ? ", replayed" : "");
  }
}
