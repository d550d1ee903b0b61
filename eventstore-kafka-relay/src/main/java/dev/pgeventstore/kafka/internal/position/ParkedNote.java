package dev.pgeventstore.kafka.internal.position;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.ParkedStream;
import dev.pgeventstore.kafka.internal.NoteLines;
import java.time.Instant;
import java.util.Map;
import java.util.TreeMap;

/** A parked stream as it is noted. */
public final class ParkedNote {

  private ParkedNote() {}

  public static String format(ParkedStream parked) {
    return NoteLines.format(
        new TreeMap<>(
            Map.of(
                "since", parked.since().toString(),
                "at", parked.at().toString(),
                "reason", parked.reason())));
  }

  public static ParkedStream parse(StreamId stream, String text) {
    Map<String, String> lines = NoteLines.parse(text);
    return new ParkedStream(
        stream,
        Position.of(Long.parseLong(lines.getOrDefault("since", ""))),
        Instant.parse(lines.getOrDefault("at", Instant.EPOCH.toString())),
        lines.getOrDefault("reason", ""));
  }
}
