package dev.pgeventstore.spi;

import dev.pgeventstore.codec.SnapshotCodec;

/**
 * The state of a stream at one version, as it is stored. Immutable.
 *
 * <p>It is no truth: it may be missing or dropped at any time, and nothing is lost with it.
 */
public final class Snapshot {

  private final String name;
  private final int revision;
  private final long version;
  private final byte[] state;

  private Snapshot(String name, int revision, long version, byte[] state) {
    this.name = name;
    this.revision = revision;
    this.version = version;
    this.state = state;
  }

  /**
   * A snapshot from its parts.
   *
   * @param name whose state it is, see {@link SnapshotCodec#name()}
   * @param revision of the state's shape and meaning
   * @param version of the last event that the state takes in, 1 or more
   * @param state one JSON value in UTF-8, taken over as it is
   * @return the snapshot
   */
  public static Snapshot of(String name, int revision, long version, byte[] state) {
    return new Snapshot(name, revision, version, state);
  }

  /**
   * Whose state it is.
   *
   * @return distinguishes it from other snapshots of the stream
   */
  public String name() {
    return name;
  }

  /**
   * The revision of the state's shape and meaning.
   *
   * @return 1 or more
   */
  public int revision() {
    return revision;
  }

  /**
   * The version of the last event that the state takes in.
   *
   * @return 1 or more
   */
  public long version() {
    return version;
  }

  /**
   * The state as it is stored. It is the array itself, for speed: read it, do not change it.
   *
   * @return one JSON value in UTF-8
   */
  public byte[] stateUtf8() {
    return state;
  }

  @Override
  public String toString() {
    return "%s revision %d at version %d".formatted(name, revision, version);
  }
}
