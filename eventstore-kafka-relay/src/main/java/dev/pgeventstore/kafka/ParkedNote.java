package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import java.time.Instant;
import java.util.Map;
import java.util.TreeMap;

/** A parked stream as it is noted. */
final class ParkedNote {

  private ParkedNote() {}

  static String format(ParkedStream parked) {
    return NoteLines.format(
        new TreeMap<>(
            Map.of(
                "since", parked.since().toString(),
                "at", parked.at().toString(),
                "reason", parked.reason())));
  }

  static ParkedStream parse(StreamId stream, String text) {
    Map<String, String> lines = NoteLines.parse(text);
    return new ParkedStream(
        stream,
        Position.of(Long.parseLong(lines.getOrDefault("since", ""))),
        Instant.parse(lines.getOrDefault("at", Instant.EPOCH.toString())),
        lines.getOrDefault("reason", ""));
  }
}
