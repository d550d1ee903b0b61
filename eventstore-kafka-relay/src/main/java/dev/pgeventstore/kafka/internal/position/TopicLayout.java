package dev.pgeventstore.kafka.internal.position;

import dev.pgeventstore.kafka.internal.NoteLines;
import java.util.Map;
import java.util.TreeMap;

/**
 * A topic as it was when a lane first sent to it. It decides where keys go, and stays.
 *
 * @param partitions over which keys are spread
 * @param id of the topic: another one of the same name has another id
 */
public record TopicLayout(int partitions, String id) {

  public String format() {
    return NoteLines.format(
        new TreeMap<>(Map.of("partitions", Integer.toString(partitions), "id", id)));
  }

  public static TopicLayout parse(String text) {
    Map<String, String> lines = NoteLines.parse(text);
    return new TopicLayout(
        Integer.parseInt(lines.getOrDefault("partitions", "")), lines.getOrDefault("id", ""));
  }
}
