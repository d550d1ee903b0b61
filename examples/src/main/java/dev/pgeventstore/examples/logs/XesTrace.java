package dev.pgeventstore.examples.logs;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What happened in one case, for instance to one loan application.
 *
 * @param place file, line, number and name, to be named when something is wrong with it
 * @param number counted from 1 in the file
 * @param name null if the log gives none; others may have it as well
 * @param attributes of the trace as a whole
 * @param events in the order of the file
 */
public record XesTrace(
    String place,
    int number,
    @Nullable String name,
    List<XesAttribute> attributes,
    List<XesEvent> events) {

  /**
   * An attribute of the trace.
   *
   * @param key such as {@code AMOUNT_REQ}
   * @return its value; empty if it has none
   */
  public Optional<String> attribute(String key) {
    return XesAttribute.find(attributes, key);
  }
}
