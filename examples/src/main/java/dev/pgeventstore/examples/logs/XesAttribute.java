package dev.pgeventstore.examples.logs;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An attribute of a trace or an event, as it is written in the log: no type is lost, and no number
 * is rounded.
 *
 * @param type {@code string}, {@code date}, {@code int}, {@code float}, {@code boolean}, {@code
 *     id}, {@code list} or {@code container}
 * @param key the key, such as {@code org:resource}
 * @param value the value; null if there is none, as for lists
 * @param attributes the nested attributes, and the elements of a list, in the order of the file
 */
public record XesAttribute(
    String type, String key, @Nullable String value, List<XesAttribute> attributes) {

  /**
   * The value of the first attribute with a key and a value that is not blank.
   *
   * @param attributes the attributes to search; nested ones are not searched
   * @param key the key, such as {@code concept:name}
   * @return the value without surrounding blanks; empty if there is none
   */
  public static Optional<String> find(List<XesAttribute> attributes, String key) {
    for (XesAttribute attribute : attributes) {
      String value = attribute.value;
      if (value != null && attribute.key.equals(key) && !value.isBlank()) {
        return Optional.of(value.strip());
      }
    }
    return Optional.empty();
  }
}
