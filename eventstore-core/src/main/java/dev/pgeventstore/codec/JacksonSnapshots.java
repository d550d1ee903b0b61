package dev.pgeventstore.codec;

import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import dev.pgeventstore.EventStoreException;
import java.io.IOException;

/**
 * Snapshots as JSON, written and read by Jackson. A record whose components are enough to make it
 * again needs no annotation.
 *
 * @param <S> the state
 */
public final class JacksonSnapshots<S> implements SnapshotCodec<S> {

  private final Class<S> stateClass;
  private final String name;
  private final int revision;
  private final ObjectWriter writer;
  private final ObjectReader reader;
  private final StorableJson storable = new StorableJson();

  private JacksonSnapshots(Class<S> stateClass, String name, int revision, ObjectMapper mapper) {
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
    this.writer = mapper.writerFor(stateClass).without(JsonWriteFeature.WRITE_NAN_AS_STRINGS);
    this.reader = mapper.readerFor(stateClass);
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
   * @param mapper for JSON; changing it later has no effect
   * @param <S> the state
   * @return the codec
   * @throws IllegalArgumentException if the name is blank, longer than {@value #MAX_NAME_LENGTH}
   *     characters or has a control character, or the revision is below 1
   */
  public static <S> JacksonSnapshots<S> of(
      Class<S> stateClass, String name, int revision, ObjectMapper mapper) {
    return new JacksonSnapshots<>(stateClass, name, revision, mapper);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int revision() {
    return revision;
  }

  @Override
  public byte[] encode(S state) {
    byte[] json;
    try {
      json = writer.writeValueAsBytes(state);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "%s cannot be written as JSON: %s".formatted(stateClass.getName(), e.getMessage()), e);
    }
    String flaw = storable.flawOf(json);
    if (flaw != null) {
      throw new IllegalArgumentException(
          "%s cannot be stored: %s".formatted(stateClass.getName(), flaw));
    }
    return json;
  }

  @Override
  public S decode(byte[] json) {
    S state;
    try {
      state = reader.readValue(json);
    } catch (IOException e) {
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
