package dev.pgeventstore.internal.codec;

import java.lang.reflect.Type;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a JSON library does with a Java type.
 *
 * @param <T> the library's description of a type, with the arguments of generic ones
 */
public interface TypeModel<T> {

  /** A type of Java's as the library sees it. */
  T of(Type type);

  /** Its class without arguments. */
  Class<?> classOf(T type);

  /** Of a map: what its keys are. */
  @Nullable T keyOf(T type);

  /** Of an array, a collection, a map or an optional: what is in it. */
  @Nullable T contentOf(T type);

  /** What JSON a tree of the library's is, if this type is a class of such. */
  @Nullable Tree treeOf(T type);

  /** A tree of the library's. */
  Object tree(String json) throws Exception;

  /** Whether the application writes and reads this type by code of its own. */
  boolean isCustom(T type);

  /** What an object of this type is written as instead, as {@code @JsonValue} says. */
  @Nullable T valueOf(T type);

  /** A value as JSON. */
  byte[] write(T type, @Nullable Object value) throws Exception;

  /** A value from JSON. */
  @Nullable Object read(T type, byte[] json) throws Exception;

  /** Whether it is the application's code that has refused a value. */
  boolean isRefusal(Exception failure);

  /** Whether its JSON says which class an object is of. */
  boolean hasTypeIds(T type);

  /** The class that is read where an object of a class was written; null if none. */
  @Nullable Class<?> readFor(T type, Class<?> written);

  /** How a class with properties is written and made. */
  Bean<T> bean(T type) throws Exception;

  /**
   * A class with properties.
   *
   * @param canBeMade whether there is a constructor or a factory method for it
   */
  record Bean<T>(boolean canBeMade, List<Part<T>> parts) {}

  /**
   * A property.
   *
   * @param name its name in JSON
   * @param isParameter whether it is a parameter of what makes the object
   * @param isRequired whether its absence is an error
   * @param isCustom whether the application writes and reads it by code of its own
   * @param trial how it is written and read
   */
  record Part<T>(
      String name,
      T type,
      boolean isWritten,
      boolean isRead,
      boolean isParameter,
      boolean isRequired,
      Absence absence,
      boolean isCustom,
      Trial trial) {}

  /** Writes and reads a value as that of a property. */
  @FunctionalInterface
  interface Trial {

    /** A value as it comes back. */
    @Nullable Object of(Object value) throws Exception;
  }

  /** What a tree may be. */
  enum Tree {
    ANY,
    OBJECT,
    ARRAY
  }

  /** Which values are left out of the JSON. */
  enum Absence {
    NONE,
    NULL,
    MORE
  }
}
