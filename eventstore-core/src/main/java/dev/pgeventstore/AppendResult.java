package dev.pgeventstore;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The result of an append. Immutable. */
public final class AppendResult {

  private final Position position;
  private final Map<StreamId, Long> versions;
  private final Map<StreamId, Part> parts;
  private final boolean replayed;
  private final String incarnation;

  private AppendResult(
      Position position,
      Map<StreamId, Long> versions,
      Map<StreamId, Part> parts,
      boolean replayed,
      String incarnation) {
    this.position = position;
    this.versions = Map.copyOf(versions);
    this.parts = Map.copyOf(parts);
    this.replayed = replayed;
    this.incarnation = incarnation;
  }

  /**
   * For stores: a result.
   *
   * @param position of the last event or message
   * @param versions of the last event of each written stream; with none the result is only a
   *     position
   * @param replayed whether an earlier append had written the events already
   * @return the result
   */
  public static AppendResult of(Position position, Map<StreamId, Long> versions, boolean replayed) {
    return new AppendResult(position, versions, Map.of(), replayed, "");
  }

  /**
   * For stores: a result by which can be found out later whether the server still has the append.
   *
   * @param position of the last event or message
   * @param parts what was written to each stream
   * @param replayed whether an earlier append had written the events already
   * @param incarnation of the server, as it was known before the append was sent; empty if it was
   *     not, or if the append may still be rolled back
   * @return the result
   */
  public static AppendResult of(
      Position position, Map<StreamId, Part> parts, boolean replayed, String incarnation) {
    Map<StreamId, Long> versions = new HashMap<>();
    parts.forEach((stream, part) -> versions.put(stream, part.version()));
    return new AppendResult(position, versions, parts, replayed, incarnation);
  }

  /**
   * The position of the last event, or of the last message if the append had any. Use it to wait
   * until a subscription or a relay has reached it; it is not an expected version.
   *
   * <p>For a retry it is the position of the first attempt. If the append has messages, it may be
   * later, since they may already be published and deleted; a caller that waits for it waits for
   * them too.
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
   * What was written to each stream. An append is recognised by it after the server has crashed or
   * failed over.
   *
   * @return unmodifiable; empty if the store has not reported it
   */
  public Map<StreamId, Part> parts() {
    return parts;
  }

  /**
   * The incarnation of the server that was known before the append was sent. If it is still the
   * same, the server cannot have lost the append.
   *
   * @return empty if it was not known, and for an append in a transaction of the caller, which may
   *     be rolled back
   */
  public Optional<String> incarnation() {
    return incarnation.isEmpty() ? Optional.empty() : Optional.of(incarnation);
  }

  /**
   * Whether an earlier attempt at the same append, recognised by its event ids, had already written
   * the events. Then this is the result of that attempt, and nothing was written now.
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

  /** What an append has written to one stream. Immutable. */
  public static final class Part {

    private final long version;
    private final int events;
    private final UUID lastId;

    private Part(long version, int events, UUID lastId) {
      this.version = version;
      this.events = events;
      this.lastId = lastId;
    }

    /**
     * For stores: a part.
     *
     * @param version of the last event
     * @param events how many
     * @param lastId the id of the last event
     * @return the part
     */
    public static Part of(long version, int events, UUID lastId) {
      return new Part(version, events, lastId);
    }

    /**
     * The version of the last event.
     *
     * @return 1 or more
     */
    public long version() {
      return version;
    }

    /**
     * How many events were written.
     *
     * @return 1 or more
     */
    public int events() {
      return events;
    }

    /**
     * The id of the last event.
     *
     * @return as it was appended
     */
    public UUID lastId() {
      return lastId;
    }

    /**
     * The version of the first event.
     *
     * @return 1 or more
     */
    public long firstVersion() {
      return version - events + 1;
    }
  }
}
