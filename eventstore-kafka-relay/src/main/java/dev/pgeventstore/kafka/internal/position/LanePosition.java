package dev.pgeventstore.kafka.internal.position;

import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.NoteLines;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;

/**
 * How far a lane has come.
 *
 * @param position everything wanted at or below it is in Kafka
 * @param anchor an event at or before that position, by which it is checked that the store's
 *     history is still the one that was published; none at the very start
 * @param database the id of the database that the events came from
 * @param lanes how many the relay has; it stays as it was when the relay first ran
 */
public record LanePosition(Position position, Optional<Anchor> anchor, String database, int lanes) {

  private static final String FORMAT = "1";

  /**
   * The same lane further on.
   *
   * @throws InvariantBrokenException if that lies before this
   */
  public LanePosition at(Position reached, Optional<Anchor> last) {
    if (position.isAfter(reached)) {
      throw new InvariantBrokenException(
          "a lane that has published all up to position %s was about to note position %s"
              .formatted(position, reached));
    }
    return new LanePosition(reached, last.or(() -> anchor), database, lanes);
  }

  /** The same, of events that come from this database from here on. */
  public LanePosition in(String databaseNow) {
    return new LanePosition(position, anchor, databaseNow, lanes);
  }

  public String format() {
    Map<String, String> lines = new TreeMap<>();
    lines.put("format", FORMAT);
    lines.put("position", position.toString());
    anchor.ifPresent(
        event -> {
          lines.put("event", event.id().toString());
          lines.put("event_position", event.position().toString());
          lines.put("stream", event.stream().toString());
          lines.put("version", Long.toString(event.version()));
        });
    lines.put("database", database);
    lines.put("lanes", Integer.toString(lanes));
    return NoteLines.format(lines);
  }

  /**
   * Reads it back.
   *
   * @throws RelayHaltedException if it was written by a newer version of the relay, or not by a
   *     relay
   */
  public static LanePosition parse(String text) {
    Map<String, String> lines = NoteLines.parse(text);
    if (!FORMAT.equals(lines.get("format"))) {
      throw new RelayHaltedException(
          "the relay's position is in format %s; this version of the relay knows format %s only"
              .formatted(lines.get("format"), FORMAT));
    }
    Optional<Anchor> anchor =
        Optional.ofNullable(lines.get("event"))
            .map(
                id ->
                    new Anchor(
                        Position.of(Long.parseLong(required(lines, "event_position"))),
                        UUID.fromString(id),
                        StreamId.parse(required(lines, "stream")),
                        Long.parseLong(required(lines, "version"))));
    return new LanePosition(
        Position.of(Long.parseLong(required(lines, "position"))),
        anchor,
        required(lines, "database"),
        Integer.parseInt(required(lines, "lanes")));
  }

  private static String required(Map<String, String> lines, String name) {
    String value = lines.get(name);
    if (value == null) {
      throw new RelayHaltedException("the relay's position has no '" + name + "'");
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
  public record Anchor(Position position, UUID id, StreamId stream, long version) {

    public static Anchor of(RecordedEvent event) {
      return new Anchor(event.position(), event.id(), event.stream(), event.version());
    }
  }
}
