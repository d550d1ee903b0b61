package dev.pgeventstore.codec.jackson;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

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
