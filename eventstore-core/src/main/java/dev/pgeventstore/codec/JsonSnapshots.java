package dev.pgeventstore.codec;

import dev.pgeventstore.EventStoreException;
import org.jspecify.annotations.Nullable;

/**
 * Snapshots as JSON, whatever library writes and reads it. For authors of codecs; applications use
 * an existing one.
 *
 * @param <S> the state
 */
public abstract class JsonSnapshots<S> implements SnapshotCodec<S> {

  private final Class<S> stateClass;
  private final String name;
  private final int revision;
  private final JsonBinding<?> binding;

  /**
   * Snapshots of one class of states.
   *
   * @param stateClass of the states
   * @param name distinguishes them from other snapshots of the same streams
   * @param revision of the state's shape and meaning, 1 or more
   * @param binding how the library writes and reads the class
   * @throws IllegalArgumentException if the name is blank, longer than {@value #MAX_NAME_LENGTH}
   *     characters or has a control character, or the revision is below 1
   */
  protected JsonSnapshots(Class<S> stateClass, String name, int revision, JsonBinding<?> binding) {
    if (name.isBlank()
        || name.length() > MAX_NAME_LENGTH
        || name.codePoints().anyMatch(Character::isISOControl)) {
      throw new IllegalArgumentException(
          "a snapshot's name has 1 to %d characters and no control characters, unlike '%s'"
              .formatted(MAX_NAME_LENGTH, name));
    }
    if (revision < 1) {
      throw new IllegalArgumentException(
          "snapshot '%s' has revision %d; revisions start at 1".formatted(name, revision));
    }
    this.stateClass = stateClass;
    this.name = name;
    this.revision = revision;
    this.binding = binding;
  }

  @Override
  public final String name() {
    return name;
  }

  @Override
  public final int revision() {
    return revision;
  }

  @Override
  public final byte[] encode(S state) {
    byte[] json;
    try {
      json = binding.write(state);
    } catch (Exception e) {
      throw new IllegalArgumentException(
          "%s cannot be written as JSON: %s".formatted(stateClass.getName(), e.getMessage()), e);
    }
    String flaw = StorableJson.flawOf(json);
    if (flaw != null) {
      throw new IllegalArgumentException(
          "%s cannot be stored: %s".formatted(stateClass.getName(), flaw));
    }
    return json;
  }

  @Override
  public final S decode(byte[] json) {
    @Nullable S state;
    try {
      state = stateClass.cast(binding.read(json));
    } catch (Exception e) {
      throw new EventStoreException(
          "its JSON does not fit %s: %s".formatted(stateClass.getName(), e.getMessage()), e);
    }
    if (state == null) {
      throw new EventStoreException("its JSON is null, which is no " + stateClass.getName());
    }
    return state;
  }

  @Override
  public String toString() {
    return "%s revision %d (%s)".formatted(name, revision, stateClass.getName());
  }
}
