package dev.pgeventstore.codec.jackson3;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Brings the JSON of an event from one revision of its type to the next. Safe for many threads. */
@FunctionalInterface
public interface Upcaster {

  /**
   * One step. What is stored stays as it is; this happens at each reading.
   *
   * @param json of the older revision; this call's own, so it may be changed and returned
   * @return the JSON of the next revision
   */
  JsonNode upcast(ObjectNode json);
}
