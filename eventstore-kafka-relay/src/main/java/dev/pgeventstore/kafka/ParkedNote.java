package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import java.time.Instant;
import java.util.Map;
import java.util.TreeMap;

/** A parked stream as it is noted. */
final class ParkedNote {

  private static final int LONGEST_REASON = 1_000;

  private ParkedNote() {}

  static String format(ParkedStream parked) {
    String reason = parked.reason();
    return NoteLines.format(
        new TreeMap<>(
            Map.of(
                "since", parked.since().toString(),
                "at", parked.at().toString(),
                "reason", reason.substring(0, Math.min(LONGEST_REASON, reason.length())))));
  }

  static ParkedStream parse(StreamId stream, String text) {
    Map<String, String> lines = NoteLines.parse(text);
    return new ParkedStream(
        stream,
        Position.of(Long.parseLong(lines.getOrDefault("since", "0"))),
        Instant.parse(lines.getOrDefault("at", Instant.EPOCH.toString())),
        lines.getOrDefault("reason", ""));
  }
}
