package dev.pgeventstore.kafka.internal.position;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Changes that are made of a lane's notes as a whole: names and texts; null removes a note. */
public record NoteChanges(LaneNotes notes) {

  /** The changes by which the database knows what waits as a series begins, and nothing else. */
  public Map<String, @Nullable String> waitedAnew(Map<StreamId, Position> streams) {
    Map<String, @Nullable String> changes = without(LaneNotes.WAITED);
    streams.forEach((stream, since) -> changes.put(LaneNotes.WAITED + stream, since.toString()));
    return changes;
  }

  /** The changes of a lane that sends again: it begins anew, and knows how far it was. */
  public Map<String, @Nullable String> rewound() {
    Map<String, @Nullable String> changes = without(LaneNotes.SENT);
    notes
        .lastSent()
        .forEach(
            (partition, place) ->
                changes.put(
                    LaneNotes.SENT_BEFORE + partition.topic() + '/' + partition.partition(),
                    place.toString()));
    return changes;
  }

  /**
   * The changes of a new series: what was sent is forgotten, where to, and what was said of
   * positions that may be another event's now.
   */
  public Map<String, @Nullable String> anew(Position after) {
    Map<String, @Nullable String> changes = without(LaneNotes.SENT);
    changes.putAll(without(LaneNotes.SENT_BEFORE));
    changes.putAll(without(LaneNotes.TOPIC));
    notes.skipped().keySet().stream()
        .filter(position -> position.isAfter(after))
        .forEach(position -> changes.put(LaneNotes.skip(position), null));
    notes.parked().values().stream()
        .filter(stream -> stream.since().isAfter(after))
        .forEach(stream -> changes.put(LaneNotes.parked(stream.stream()), null));
    notes
        .discarded()
        .forEach(
            (stream, ranges) -> {
              List<PositionRange> kept =
                  ranges.stream().flatMap(range -> range.upTo(after).stream()).toList();
              changes.put(
                  LaneNotes.discarded(stream), kept.isEmpty() ? null : PositionRange.format(kept));
            });
    return changes;
  }

  private Map<String, @Nullable String> without(String prefix) {
    Map<String, @Nullable String> changes = new TreeMap<>();
    for (String name : notes.all().keySet()) {
      if (name.startsWith(prefix)) {
        changes.put(name, null);
      }
    }
    return changes;
  }
}
