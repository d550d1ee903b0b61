package dev.pgeventstore.codec;

import org.jspecify.annotations.Nullable;

/**
 * How a library writes and reads the objects of one class. For authors of codecs; safe for many
 * threads.
 *
 * @param <T> the library's tree of a JSON value
 */
public interface JsonBinding<T> {

  /**
   * An object as JSON.
   *
   * @param object of the class
   * @return one JSON value in UTF-8, which need not be checked yet
   * @throws Exception if it cannot be written
   */
  byte[] write(Object object) throws Exception;

  /**
   * An object from JSON.
   *
   * @param json one JSON value in UTF-8, not to be changed
   * @return the object, or null for null
   * @throws Exception if the JSON does not fit the class
   */
  @Nullable Object read(byte[] json) throws Exception;

  /**
   * A tree that is given to an upcaster.
   *
   * @param json one JSON value in UTF-8, not to be changed
   * @return the tree, with every digit that the JSON has
   * @throws Exception if it cannot be read
   */
  T tree(byte[] json) throws Exception;

  /**
   * An object from what an upcaster returned.
   *
   * @param tree of the present revision
   * @return the object, or null for null
   * @throws Exception if the JSON does not fit the class
   */
  @Nullable Object read(T tree) throws Exception;
}
