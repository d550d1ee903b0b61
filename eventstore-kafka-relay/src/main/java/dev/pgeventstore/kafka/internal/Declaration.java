package dev.pgeventstore.kafka.internal;

import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.RelayHaltedException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a relay is declared with and must not change unnoticed: what was published before is of the
 * earlier declaration.
 *
 * @param topic of the relay; empty if its mapper names all
 * @param mapper the mapper's name
 * @param delivery what is promised
 * @param lanes how many
 * @param query which events, as canonical text
 */
public record Declaration(String topic, String mapper, Delivery delivery, int lanes, String query) {

  /** Where it is among the notes of a lane, and of its lease. */
  public static final String NOTE = "declared";

  public static Declaration parse(String text) {
    Map<String, String> lines = NoteLines.parse(text);
    try {
      return new Declaration(
          lines.getOrDefault("topic", ""),
          lines.getOrDefault("mapper", ""),
          Delivery.valueOf(lines.getOrDefault("delivery", "")),
          Integer.parseInt(lines.getOrDefault("lanes", "")),
          lines.getOrDefault("query", ""));
    } catch (IllegalArgumentException e) {
      throw new RelayHaltedException(
          "the relay's notes have a declaration that this version does not know: " + text, e);
    }
  }

  public String format() {
    return NoteLines.format(
        new TreeMap<>(
            Map.of(
                "topic",
                topic,
                "mapper",
                mapper,
                "delivery",
                delivery.name(),
                "lanes",
                Integer.toString(lanes),
                "query",
                query)));
  }

  /**
   * Requires that a relay is what it was.
   *
   * @param relay its name
   * @param now what it is declared with by this process
   * @throws RelayHaltedException if it is not
   */
  public void requireSame(String relay, Declaration now) {
    List<String> differences = new ArrayList<>();
    compare(differences, "topic", topic, now.topic);
    compare(differences, "mapper", mapper, now.mapper);
    compare(differences, "delivery", delivery, now.delivery);
    compare(differences, "number of lanes", lanes, now.lanes);
    compare(differences, "query", query, now.query);
    if (!differences.isEmpty()) {
      throw new RelayHaltedException(
          "relay %s was declared with %s: nothing was sent. If its name belongs to another relay, give each its own. If it is meant to change, stop it and call RelayOperations.redeclare(…) of the new declaration; the number of lanes cannot be changed, but by a relay of another name with a topic of its own"
              .formatted(relay, String.join(", and with ", differences)));
    }
  }

  private static void compare(List<String> into, String what, Object before, Object now) {
    if (!before.equals(now)) {
      into.add("the %s [%s], and is declared with [%s] now".formatted(what, before, now));
    }
  }
}
