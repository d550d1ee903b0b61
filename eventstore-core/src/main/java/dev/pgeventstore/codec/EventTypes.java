package dev.pgeventstore.codec;

import dev.pgeventstore.EncodedEvent;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which classes are events, and under which stable names and revisions they are stored. Immutable.
 *
 * <p>A name is never derived from a class name: classes are renamed and moved, stored events stay.
 */
public final class EventTypes {

  private static final EventTypes NONE = new EventTypes(List.of());

  private final List<RegisteredType> types;

  private EventTypes(List<RegisteredType> types) {
    this.types = List.copyOf(types);
  }

  /**
   * No types: for readers that pass events on as they are stored.
   *
   * @return the empty registry
   */
  public static EventTypes none() {
    return NONE;
  }

  /**
   * The types of sealed interfaces whose records carry {@link EventType}.
   *
   * @param classes sealed ones, which are walked down through what they permit, or annotated ones
   * @return the registry
   * @throws IllegalArgumentException if a class has no annotation, or a class or a name occurs
   *     twice
   */
  public static EventTypes of(Class<?>... classes) {
    return builder().annotated(classes).build();
  }

  /**
   * Starts a registry.
   *
   * @return a builder without types, for one thread
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Every type, for authors of codecs.
   *
   * @return in the order in which they were registered; unmodifiable
   */
  public List<RegisteredType> all() {
    return types;
  }

  @Override
  public String toString() {
    return types.toString();
  }

  /** Collects types. */
  public static final class Builder {

    private final Map<Class<?>, NameAndRevision> types = new LinkedHashMap<>();
    private final Map<String, Class<?>> names = new LinkedHashMap<>();

    private Builder() {}

    /**
     * Registers a class.
     *
     * @param payloadClass a record or another concrete class
     * @param name the stable name in the store, at most {@value EncodedEvent#MAX_TYPE_BYTES} bytes
     * @param revision of the shape that the class has now, 1 or more
     * @return this builder
     * @throws IllegalArgumentException if the class is abstract, the class or the name is
     *     registered already, or one of them is not allowed
     */
    public Builder type(Class<?> payloadClass, String name, int revision) {
      // One place defines which names a type may have.
      EncodedEvent unused = EncodedEvent.of(name, revision, new byte[0]);
      if (name.startsWith("$")) {
        throw new IllegalArgumentException(
            "event type '%s' starts with '$', which is reserved for the store".formatted(name));
      }
      if (Modifier.isAbstract(payloadClass.getModifiers())) {
        throw new IllegalArgumentException(
            "%s cannot be an event type: no object has exactly this class"
                .formatted(payloadClass.getName()));
      }
      NameAndRevision before = types.putIfAbsent(payloadClass, new NameAndRevision(name, revision));
      if (before != null) {
        throw new IllegalArgumentException(
            "%s is registered twice, as '%s' and as '%s'"
                .formatted(payloadClass.getName(), before.name, name));
      }
      Class<?> other = names.putIfAbsent(name, payloadClass);
      if (other != null) {
        throw new IllegalArgumentException(
            "event type '%s' is registered twice, for %s and for %s"
                .formatted(name, other.getName(), payloadClass.getName()));
      }
      return this;
    }

    /**
     * Registers classes that carry {@link EventType}.
     *
     * @param classes sealed ones, which are walked down through what they permit, or annotated ones
     * @return this builder
     * @throws IllegalArgumentException if a class has no annotation, or as {@link #type} throws it
     */
    public Builder annotated(Class<?>... classes) {
      Set<Class<?>> concrete = new LinkedHashSet<>();
      for (Class<?> root : classes) {
        collectConcrete(root, concrete);
      }
      for (Class<?> payloadClass : concrete) {
        EventType annotation = payloadClass.getDeclaredAnnotation(EventType.class);
        if (annotation == null) {
          throw new IllegalArgumentException(
              ("%s has no @EventType(name = …, revision = …): add it, or register the class with"
                      + " type(…)")
                  .formatted(payloadClass.getName()));
        }
        type(payloadClass, annotation.name(), annotation.revision());
      }
      return this;
    }

    private static void collectConcrete(Class<?> root, Set<Class<?>> concrete) {
      Class<?>[] permitted = root.getPermittedSubclasses();
      if (permitted != null) {
        for (Class<?> sub : permitted) {
          collectConcrete(sub, concrete);
        }
      }
      if (!Modifier.isAbstract(root.getModifiers())) {
        concrete.add(root);
      } else if (permitted == null) {
        throw new IllegalArgumentException(
            ("%s is not sealed, so the event types below it cannot be known: seal it, or register"
                    + " the classes with type(…)")
                .formatted(root.getName()));
      }
    }

    /**
     * The registry.
     *
     * @return an immutable registry
     */
    public EventTypes build() {
      List<RegisteredType> registered = new ArrayList<>();
      types.forEach(
          (payloadClass, type) ->
              registered.add(new RegisteredType(payloadClass, type.name, type.revision)));
      return new EventTypes(registered);
    }

    private record NameAndRevision(String name, int revision) {}
  }
}
