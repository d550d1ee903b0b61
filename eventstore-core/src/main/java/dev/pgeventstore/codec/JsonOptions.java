package dev.pgeventstore.codec;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * The options that all codecs on JSON have when they are built. For authors of codecs; for one
 * thread.
 *
 * @param <M> the library's mapper
 * @param <T> the library's tree of a JSON value
 * @param <B> the builder
 */
public abstract class JsonOptions<M, T, B extends JsonOptions<M, T, B>> {

  private final JsonLibrary<M, T> library;
  private final Set<Class<?>> trusted = new HashSet<>();
  private M mapper;
  private boolean strict = true;

  /**
   * Options with a new mapper.
   *
   * @param library what writes and reads JSON
   */
  protected JsonOptions(JsonLibrary<M, T> library) {
    this.library = library;
    this.mapper = library.newMapper();
  }

  /**
   * This builder.
   *
   * @return itself
   */
  protected abstract B self();

  /**
   * Takes a mapper of the caller's, which decides how objects look as JSON. Start from the codec's
   * {@code newMapper()} to change a detail.
   *
   * @param with for JSON; changing it later has no effect
   * @return this builder
   */
  public B mapper(M with) {
    mapper = library.copy(with);
    return self();
  }

  /**
   * Reads leniently: a property that is missing is null, zero, false or empty; text that looks like
   * a number is accepted as one, and so on, as the mapper is configured; and a snapshot may have
   * properties that the class does not have. Default: all of this is an error.
   *
   * @return this builder
   */
  public B lenient() {
    strict = false;
    return self();
  }

  /**
   * Does not look into some classes, neither as event types or states nor inside of others: the
   * application must make sure that their objects come back equal. Default: every class is checked.
   *
   * @param classes in addition to those of earlier calls
   * @return this builder
   */
  public B trust(Class<?>... classes) {
    trusted.addAll(List.of(classes));
    return self();
  }

  /**
   * How events are written and read: a property that the class does not have is ignored, as the
   * mapper is configured.
   *
   * @return for a class that was checked
   */
  protected final Function<Class<?>, JsonBinding<T>> forEvents() {
    return bindings(false);
  }

  /**
   * How states are written and read: what the JSON has more shows that the class has changed since.
   *
   * @param stateClass of the states
   * @return for that class, which was checked
   * @throws IllegalArgumentException if a state could change on the way, or be stored and never be
   *     read
   */
  protected final JsonBinding<T> forStates(Class<?> stateClass) {
    return bindings(true).apply(stateClass);
  }

  private Function<Class<?>, JsonBinding<T>> bindings(boolean refusesUnknown) {
    M used = strict ? library.strict(mapper, refusesUnknown) : mapper;
    boolean isStrict = strict;
    Set<Class<?>> unchecked = Set.copyOf(trusted);
    return type -> library.bind(used, type, unchecked, isStrict);
  }
}
