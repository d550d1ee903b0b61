package dev.pgeventstore.codec.jackson3;

import dev.pgeventstore.codec.JsonSnapshots;
import dev.pgeventstore.codec.SnapshotCodec;
import tools.jackson.databind.json.JsonMapper;

/**
 * Snapshots as JSON, written and read by Jackson. A record whose components are enough to make it
 * again needs no annotation.
 *
 * @param <S> the state
 */
public final class JacksonSnapshots<S> extends JsonSnapshots<S> {

  private JacksonSnapshots(Class<S> stateClass, String name, int revision, JsonMapper mapper) {
    super(stateClass, name, revision, new JacksonBinding(mapper, stateClass));
  }

  /**
   * Snapshots with the mapper of {@link JacksonCodec#newMapper()}.
   *
   * @param stateClass of the states, most often a record
   * @param name what tells them from other snapshots of the same streams, such as {@code order}; it
   *     does not change when the class is renamed
   * @param revision of the state's shape and meaning, 1 or more; see {@link SnapshotCodec} for when
   *     to raise it
   * @param <S> the state
   * @return the codec
   * @throws IllegalArgumentException if the name is blank, longer than {@value #MAX_NAME_LENGTH}
   *     characters or has a control character, or the revision is below 1
   */
  public static <S> JacksonSnapshots<S> of(Class<S> stateClass, String name, int revision) {
    return of(stateClass, name, revision, JacksonCodec.newMapper());
  }

  /**
   * Snapshots with a mapper of the caller's, which decides alone how states look as JSON.
   *
   * @param stateClass of the states, most often a record
   * @param name what tells them from other snapshots of the same streams
   * @param revision of the state's shape and meaning, 1 or more
   * @param mapper for JSON
   * @param <S> the state
   * @return the codec
   * @throws IllegalArgumentException if the name is blank, longer than {@value #MAX_NAME_LENGTH}
   *     characters or has a control character, or the revision is below 1
   */
  public static <S> JacksonSnapshots<S> of(
      Class<S> stateClass, String name, int revision, JsonMapper mapper) {
    return new JacksonSnapshots<>(stateClass, name, revision, mapper);
  }
}
