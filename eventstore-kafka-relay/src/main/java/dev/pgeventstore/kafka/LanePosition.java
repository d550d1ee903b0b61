package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * How far a lane has come, as it is kept in Kafka: one {@code name=value} a line.
 *
 * @param position everything wanted at or below it is in Kafka
 * @param anchor the event at that position, by which it is checked that the store's history is
 *     still the one that was published; none at the very start
 * @param database the id of the database that the events came from
 * @param layout how events are spread
 */
record LanePosition(Position position, Optional<Anchor> anchor, String database, Layout layout) {

  private static final String FORMAT = "1";

  /** The same lane further on. */
  LanePosition at(Anchor event) {
    return new LanePosition(event.position(), Optional.of(event), database, layout);
  }

  String format() {
    Map<String, String> lines = new TreeMap<>();
    lines.put("format", FORMAT);
    lines.put("position", position.toString());
    anchor.ifPresent(
        event -> {
          lines.put("event", event.id().toString());
          lines.put("stream", escape(event.stream().toString()));
          lines.put("version", Long.toString(event.version()));
        });
    lines.put("database", database);
    lines.put("lanes", Integer.toString(layout.lanes()));
    lines.put("partitions", Integer.toString(layout.partitions()));
    return lines.entrySet().stream()
        .map(line -> line.getKey() + '=' + line.getValue())
        .collect(Collectors.joining("\n"));
  }

  /**
   * Reads it back.
   *
   * @throws RelayHaltedException if it was written by a newer version of the relay, or by somebody
   *     else
   */
  static LanePosition parse(String text) {
    Map<String, String> lines =
        text.lines()
            .filter(line -> line.indexOf('=') > 0)
            .collect(
                Collectors.toMap(
                    line -> line.substring(0, line.indexOf('=')),
                    line -> line.substring(line.indexOf('=') + 1),
                    (first, second) -> first));
    if (!FORMAT.equals(lines.get("format"))) {
      throw new RelayHaltedException(
          "the position topic holds a position in format %s; this version of the relay knows format %s only"
              .formatted(lines.get("format"), FORMAT));
    }
    Position position = Position.of(Long.parseLong(required(lines, "position")));
    Optional<Anchor> anchor =
        Optional.ofNullable(lines.get("event"))
            .map(
                id ->
                    new Anchor(
                        position,
                        UUID.fromString(id),
                        StreamId.parse(required(lines, "stream").translateEscapes()),
                        Long.parseLong(required(lines, "version"))));
    return new LanePosition(
        position,
        anchor,
        required(lines, "database"),
        new Layout(
            Integer.parseInt(required(lines, "lanes")),
            Integer.parseInt(required(lines, "partitions"))));
  }

  /** A stream's key may have line breaks. */
  private static String escape(String text) {
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r");
  }

  private static String required(Map<String, String> lines, String name) {
    String value = lines.get(name);
    if (value == null) {
      throw new RelayHaltedException("a position in the position topic has no '" + name + "'");
    }
    return value;
  }

  /**
   * An event that was published or passed over.
   *
   * @param position where it stood
   * @param id its id
   * @param stream its stream
   * @param version its number in the stream
   */
  record Anchor(Position position, UUID id, StreamId stream, long version) {

    static Anchor of(RecordedEvent event) {
      return new Anchor(event.position(), event.id(), event.stream(), event.version());
    }
  }

  /**
   * What decides where an event goes. It stays as it was when the relay first ran.
   *
   * @param lanes of the relay
   * @param partitions of the target topic
   */
  record Layout(int lanes, int partitions) {}
}
