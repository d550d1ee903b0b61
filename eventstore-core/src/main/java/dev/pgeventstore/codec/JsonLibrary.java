package dev.pgeventstore.codec;

import java.util.Set;

/**
 * How a library writes and reads JSON. For authors of codecs.
 *
 * @param <M> the library's mapper
 * @param <T> the library's tree of a JSON value
 */
public interface JsonLibrary<M, T> {

  /**
   * The mapper that a codec has unless it is given one.
   *
   * @return one that keeps what it writes
   */
  M newMapper();

  /**
   * A mapper that does not change when that of the caller does.
   *
   * @param mapper of the caller
   * @return a copy, or the same if mappers are immutable
   */
  M copy(M mapper);

  /**
   * A strict mapper: it accepts no absent value, and no text for a number.
   *
   * @param mapper to begin with; not changed
   * @param refusesUnknown whether a property that a class does not have is an error, too; if not,
   *     that is as the mapper says
   * @return a changed copy
   */
  M strict(M mapper, boolean refusesUnknown);

  /**
   * How one class is written and read.
   *
   * @param mapper that does it
   * @param type the class
   * @param trusted classes that are not looked into
   * @param strict whether the mapper is strict
   * @return the binding
   * @throws IllegalArgumentException if objects of the class could change on the way, or be stored
   *     and never be read
   */
  JsonBinding<T> bind(M mapper, Class<?> type, Set<Class<?>> trusted, boolean strict);
}
