package dev.pgeventstore.internal.codec;

import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Finds out before anything is written whether the objects of a class come back from JSON as they
 * were (docs/adr/0029). It walks through all that a class is made of; values are tried with samples
 * through the library's own code.
 *
 * @param <T> the library's description of a type
 *     <p>It is longer than other classes because each refusal has a message of its own.
 */
public final class TypeCheck<T> {

  private static final String TRUST =
      ", or trust(%s.class) if a test of yours shows that it is kept";

  private final TypeModel<T> model;
  private final MadeSamples<T> made;
  private final Set<Class<?>> trusted;
  private final boolean strict;
  private final Set<T> seen = new HashSet<>();

  /**
   * A check.
   *
   * @param trusted classes that are not looked into
   * @param strict whether all that is read must be a parameter, since the absence of others goes
   *     unnoticed
   */
  public TypeCheck(TypeModel<T> model, Set<Class<?>> trusted, boolean strict) {
    this.model = model;
    this.made = new MadeSamples<>(model);
    this.trusted = trusted;
    this.strict = strict;
  }

  /**
   * Checks one class and all that it is made of.
   *
   * @throws IllegalArgumentException if its objects may change on the way, or be stored and never
   *     be read: class, property, what is wrong, what to do
   */
  public void check(Class<?> root) {
    try {
      samples(root.getSimpleName(), model.of(root), true);
    } catch (Flaw flaw) {
      throw new IllegalArgumentException(
          "%s cannot be kept as JSON: %s".formatted(root.getName(), flaw.getMessage()), flaw);
    }
  }

  /** Looks into a type, and gives values to try it with, as far as some can be made. */
  private List<?> samples(String path, T type, boolean root) {
    Class<?> raw = model.classOf(type);
    if (trusted.contains(raw) || model.isCustom(type)) {
      return List.of();
    }
    List<?> known = raw.isEnum() ? List.of(raw.getEnumConstants()) : Samples.of(raw);
    if (known.isEmpty()) {
      known = made.trees(type);
    }
    if (!known.isEmpty()) {
      return known;
    }
    T content = model.contentOf(type);
    if (content != null) {
      return container(path, type, content);
    }
    T value = model.valueOf(type);
    if (value != null) {
      return values(path, type, value);
    }
    if (model.hasTypeIds(type)) {
      typed(path, type);
    } else if (raw == Object.class) {
      throw flaw(
          path,
          "is an Object: JSON does not say which class it was of",
          "declare its class, or JsonNode, which keeps JSON as it is",
          raw);
    } else if (Modifier.isAbstract(raw.getModifiers()) || raw.isInterface()) {
      throw flaw(
          path,
          "is of the abstract type %s, and its JSON does not say which class it is of"
              .formatted(raw.getName()),
          "add @JsonTypeInfo(use = NAME) and a name for each class to it, or declare a class",
          raw);
    } else if (!root && !Modifier.isFinal(raw.getModifiers())) {
      throw flaw(
          path,
          "is of %s, which is not final: an object of a subclass is read as another one"
              .formatted(raw.getName()),
          "make it final, or a record",
          raw);
    } else {
      bean(path, type);
    }
    return List.of();
  }

  private List<?> container(String path, T type, T content) {
    Class<?> raw = model.classOf(type);
    if (!Containers.isKept(raw)) {
      throw flaw(
          path,
          "is of %s, of which it is not known that JSON keeps it".formatted(raw.getName()),
          "declare %s".formatted(Containers.KEPT),
          raw);
    }
    T key = model.keyOf(type);
    List<?> keys = List.of();
    if (key != null) {
      Class<?> keyClass = model.classOf(key);
      keys = samples(path + " key", key, false);
      if (keys.isEmpty() && !trusted.contains(keyClass)) {
        throw flaw(
            path,
            "has keys of %s, which a name in JSON is not read as".formatted(keyClass.getName()),
            "use keys of text, numbers, enums or times, or a class with @JsonValue and @JsonCreator",
            keyClass);
      }
    }
    if (Containers.isOptional(raw)
        && (Containers.isOptional(model.classOf(content)) || model.treeOf(content) != null)) {
      throw flaw(path, "is an Optional of what is null in JSON itself", "declare one of both", raw);
    }
    return Containers.samples(
        raw, keys, samples(path + " element", content, false), model.classOf(content));
  }

  private List<?> values(String path, T type, T valueType) {
    Class<?> raw = model.classOf(type);
    List<Object> samples = new ArrayList<>();
    for (Object value : samples(path + " value", valueType, false)) {
      try {
        Object object = made.ofValue(type, valueType, value);
        if (object != null) {
          samples.add(object);
        }
      } catch (Exception e) {
        throw flaw(
            path,
            "is of %s, which is not read as it is written: %s"
                .formatted(raw.getName(), e.getMessage()),
            "add a constructor or factory method with @JsonCreator(mode = DELEGATING) that takes what @JsonValue gives",
            raw);
      }
    }
    return Samples.haveEquality(raw) ? samples : List.of();
  }

  private void typed(String path, T type) {
    for (Class<?> each : concrete(path, model.classOf(type))) {
      Class<?> read = model.readFor(type, each);
      if (read != each) {
        throw flaw(
            path,
            "may be of %s, whose type in JSON is %s"
                .formatted(
                    each.getName(),
                    read == null ? "not known when it is read" : "read as " + read.getName()),
            "give each class a name of its own with @JsonSubTypes",
            each);
      }
      if (!trusted.contains(each)) {
        bean(path, model.of(each));
      }
    }
  }

  private Set<Class<?>> concrete(String path, Class<?> raw) {
    Set<Class<?>> classes = new LinkedHashSet<>();
    if (raw.isSealed()) {
      for (Class<?> permitted : raw.getPermittedSubclasses()) {
        classes.addAll(concrete(path, permitted));
      }
      if (!Modifier.isAbstract(raw.getModifiers())) {
        classes.add(raw);
      }
    } else if (Modifier.isFinal(raw.getModifiers())) {
      classes.add(raw);
    } else {
      throw flaw(
          path,
          "is of %s, which is neither sealed nor final, so that its classes are not known"
              .formatted(raw.getName()),
          "seal it",
          raw);
    }
    return classes;
  }

  private void bean(String path, T type) {
    if (!seen.add(type)) {
      return;
    }
    Class<?> raw = model.classOf(type);
    TypeModel.Bean<T> bean;
    try {
      bean = model.bean(type);
    } catch (Exception e) {
      if (raw.isRecord()) {
        // Which component it is.
        for (RecordComponent component : raw.getRecordComponents()) {
          samples(path + "." + component.getName(), model.of(component.getGenericType()), false);
        }
      }
      throw flaw(
          path,
          "is of %s, which the library cannot handle: %s".formatted(raw.getName(), e.getMessage()),
          "see what it says",
          raw);
    }
    if (!bean.canBeMade()) {
      throw flaw(
          path,
          "is of %s, which has no constructor or factory method that JSON is read by"
              .formatted(raw.getName()),
          "make it a record, or add @JsonCreator",
          raw);
    }
    for (TypeModel.Part<T> part : bean.parts()) {
      part(path + "." + part.name(), raw, part);
    }
  }

  private void part(String path, Class<?> owner, TypeModel.Part<T> part) {
    if (!part.isRead()) {
      throw flaw(path, "is written and not read", "add @JsonIgnore to the method or field", owner);
    }
    if (!part.isWritten()) {
      throw flaw(path, "is read and not written", "add an accessor", owner);
    }
    if (strict && !part.isParameter()) {
      throw flaw(
          path,
          "is set after the object is created, so it is not noticed if it is missing",
          "make it a parameter of a constructor with @JsonCreator, make the class a record, or choose lenient()",
          owner);
    }
    if (part.absence() == TypeModel.Absence.MORE
        || (strict
            && part.absence() == TypeModel.Absence.NULL
            && part.isRequired()
            && !model.classOf(part.type()).isPrimitive())) {
      throw flaw(
          path,
          "may be left out when it is written, as @JsonInclude says, and is then not read as it was",
          "do not leave it out, or make it @Nullable if only null is",
          owner);
    }
    if (part.isCustom()) {
      return;
    }
    for (Object sample : samples(path, part.type(), false)) {
      tried(path, owner, part, sample);
    }
  }

  private void tried(String path, Class<?> owner, TypeModel.Part<T> part, Object sample) {
    Object read;
    try {
      read = part.trial().of(sample);
    } catch (Exception e) {
      throw flaw(
          path,
          "is not kept: %s cannot be written and read: %s"
              .formatted(Samples.text(sample), e.getMessage()),
          "change how it is written, or the class",
          owner);
    }
    if (!Samples.areSame(sample, read)) {
      throw flaw(
          path,
          "is not kept: %s comes back as %s".formatted(Samples.text(sample), Samples.text(read)),
          "change how it is written, or the class",
          owner);
    }
  }

  private static Flaw flaw(String path, String wrong, String remedy, Class<?> trustable) {
    return new Flaw(
        path
            + " "
            + wrong
            + ". What to do: "
            + remedy
            + TRUST.formatted(trustable.getSimpleName()));
  }

  private static final class Flaw extends RuntimeException {

    private static final long serialVersionUID = 1L;

    Flaw(String message) {
      super(message);
    }
  }
}
