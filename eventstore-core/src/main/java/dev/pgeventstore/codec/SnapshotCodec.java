package dev.pgeventstore.codec;

/**
 * Turns states into stored snapshots and back. Safe for many threads.
 *
 * <p>A snapshot is only used under the name and the revision it was stored with. Raise the revision
 * whenever the same events give another state than before, or the same state another JSON: the
 * shape of the state has changed, or how it evolves, or an upcaster. Snapshots of other revisions
 * are then not read any more, states are folded from the events, and new snapshots take the place
 * of the old ones. If it is not raised, old states are used on.
 *
 * @param <S> the state
 */
public interface SnapshotCodec<S> {

  /** The most characters of a {@link #name()}. */
  int MAX_NAME_LENGTH = 100;

  /**
   * Distinguishes these snapshots from those of other aggregates for the same streams.
   *
   * @return 1 to {@value #MAX_NAME_LENGTH} characters, permanent
   */
  String name();

  /**
   * The revision of the state's shape and meaning.
   *
   * @return 1 or more
   */
  int revision();

  /**
   * The stored form of a state.
   *
   * @param state not changed
   * @return one JSON value in UTF-8
   * @throws RuntimeException if it cannot be written; then there is no snapshot of it
   */
  byte[] encode(S state);

  /**
   * The state from its stored form.
   *
   * @param json what {@link #encode} returned, under the same name and revision
   * @return a state from which the events after it lead to the same states as from the one that was
   *     encoded
   * @throws RuntimeException if it cannot be read; then the state is folded from the events
   */
  S decode(byte[] json);
}
