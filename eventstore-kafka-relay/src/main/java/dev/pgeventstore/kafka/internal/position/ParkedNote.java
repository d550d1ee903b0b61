package dev.pgeventstore.kafka.internal.position;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.ParkedStream;
import dev.pgeventstore.kafka.internal.NoteLines;
import java.time.Instant;
import java.util.Map;
import java.util.TreeMap;

/** A parked stream, as it is noted. */
public record ParkedNote(StreamId stream, Position since, Instant at, String reason)
    implements ParkedStream {

  public String format() {
    return NoteLines.format(
        new TreeMap<>(Map.of("since", since.toString(), "at", at.toString(), "reason", reason)));
  }

  static ParkedNote parse(StreamId stream, String text) {
    Map<String, String> lines = NoteLines.parse(text);
    return new ParkedNote(
        stream,
        Position.of(Long.parseLong(lines.getOrDefault("since", ""))),
        Instant.parse(lines.getOrDefault("at", Instant.EPOCH.toString())),
        lines.getOrDefault("reason", ""));
  }
}
