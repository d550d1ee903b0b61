package dev.pgeventstore.examples.logs;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a log says of a trace or an event, as it is written: no type is lost, no number rounded.
 *
 * @param type {@code string}, {@code date}, {@code int}, {@code float}, {@code boolean}, {@code
 *     id}, {@code list} or {@code container}
 * @param key such as {@code org:resource}
 * @param value null if it has none, as lists have none
 * @param attributes those of this attribute, and the elements of a list, in the order of the file
 */
public record XesAttribute(
    String type, String key, @Nullable String value, List<XesAttribute> attributes) {

  /**
   * The value of the first attribute that has a key and says something.
   *
   * @param attributes where to look; not into theirs
   * @param key such as {@code concept:name}
   * @return without blanks around it; empty if there is none
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
