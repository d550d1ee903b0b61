package dev.pgeventstore.examples.logs;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What happened in one case, for instance to one loan application.
 *
 * @param place file, line, number and name, for error messages
 * @param number the number of the trace in the file, from 1
 * @param name the name, which need not be unique; null if the trace has none
 * @param attributes the attributes of the trace as a whole
 * @param events the events in the order of the file
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
   * @param key the key, such as {@code AMOUNT_REQ}
   * @return the value; empty if there is none
   */
  public Optional<String> attribute(String key) {
    return XesAttribute.find(attributes, key);
  }
}
