package dev.pgeventstore.examples.loans;

import java.util.List;
import java.util.Map;

/**
 * What happened to one case, here one loan application.
 *
 * @param number its place in the file, 1 for the first
 * @param name unique in the file
 * @param attributes of the trace as a whole, as they are written; nested ones are left out
 * @param events in the order of the file
 */
record XesTrace(int number, String name, Map<String, String> attributes, List<XesEvent> events) {

  /** The place to name when something is wrong with this trace. */
  String place() {
    return place(number, name);
  }

  static String place(int number, String name) {
    return "trace %d '%s'".formatted(number, name);
  }
}
