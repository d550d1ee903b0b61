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

  /** Trees of the library's, if this type is a class of such, to try it with. */
  List<?> treesOf(T type);

  /** Whether the application writes and reads this type by code of its own. */
  boolean isCustom(T type);

  /** What an object of this type is written as instead, as {@code @JsonValue} says. */
  @Nullable T valueOf(T type);

  /**
   * An object that is made of its value.
   *
   * @return the object, written and read once more; null if the application's code refuses the
   *     value
   * @throws Exception if the library cannot make it, or it is written differently then
   */
  @Nullable Object fromValue(T type, T valueType, Object value) throws Exception;

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

  /** A property. */
  interface Part<T> {

    /** Its name in JSON. */
    String name();

    T type();

    boolean isWritten();

    boolean isRead();

    /** Whether it is a parameter of what makes the object. */
    boolean isParameter();

    /** Whether its absence is an error. */
    boolean isRequired();

    Absence absence();

    /** Whether the application writes and reads it by code of its own. */
    boolean isCustom();

    /** A value, written and read as this property's. */
    @Nullable Object tried(Object value) throws Exception;
  }

  /** Which values are left out of the JSON. */
  enum Absence {
    NONE,
    NULL,
    MORE
  }
}
