package dev.pgeventstore.codec.jackson;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.pgeventstore.codec.JsonBinding;
import dev.pgeventstore.codec.JsonOptions;
import dev.pgeventstore.codec.JsonSnapshots;
import dev.pgeventstore.codec.SnapshotCodec;

/**
 * Snapshots as JSON, written and read by Jackson. A record that can be created from its components
 * needs no annotation. States are checked and stored as described in {@link JacksonCodec}. A
 * property that the class does not have is an error in a snapshot, and the snapshot is not used.
 *
 * @param <S> the state
 */
public final class JacksonSnapshots<S> extends JsonSnapshots<S> {

  private JacksonSnapshots(
      Class<S> stateClass, String name, int revision, JsonBinding<JsonNode> binding) {
    super(stateClass, name, revision, binding);
  }

  /**
   * Snapshots with the mapper of {@link JacksonCodec#newMapper()}.
   *
   * @param stateClass of the states, most often a record
   * @param name distinguishes them from other snapshots of the same streams, such as {@code order};
   *     it does not change when the class is renamed
   * @param revision of the state's shape and meaning, 1 or more; see {@link SnapshotCodec} for when
   *     to raise it
   * @param <S> the state
   * @return the codec
   * @throws IllegalArgumentException as {@link Builder#build} throws it
   */
  public static <S> JacksonSnapshots<S> of(Class<S> stateClass, String name, int revision) {
    return builder(stateClass, name, revision).build();
  }

  /**
   * Starts a codec of snapshots.
   *
   * @param stateClass of the states, most often a record
   * @param name distinguishes them from other snapshots of the same streams
   * @param revision of the state's shape and meaning, 1 or more
   * @param <S> the state
   * @return a builder, for one thread
   */
  public static <S> Builder<S> builder(Class<S> stateClass, String name, int revision) {
    return new Builder<>(stateClass, name, revision);
  }

  /**
   * Collects options.
   *
   * @param <S> the state
   */
  public static final class Builder<S> extends JsonOptions<ObjectMapper, JsonNode, Builder<S>> {

    private final Class<S> stateClass;
    private final String name;
    private final int revision;

    private Builder(Class<S> stateClass, String name, int revision) {
      super(JacksonLibrary.INSTANCE);
      this.stateClass = stateClass;
      this.name = name;
      this.revision = revision;
    }

    @Override
    protected Builder<S> self() {
      return this;
    }

    /**
     * The codec.
     *
     * @return an immutable codec
     * @throws IllegalArgumentException if the name is blank, longer than {@value
     *     SnapshotCodec#MAX_NAME_LENGTH} characters or has a control character, or the revision is
     *     below 1; or if a state could change on the way, or be stored and never be read
     */
    public JacksonSnapshots<S> build() {
      return new JacksonSnapshots<>(stateClass, name, revision, forStates(stateClass));
    }
  }
}
