package dev.pgeventstore.kafka;

import java.util.HashMap;
import java.util.Map;

/**
 * What a lane remembers between transactions. After a failure it is thrown away and read again from
 * the position topic: only what is there is true.
 */
final class LaneState {

  private LanePosition position;
  private final Map<Integer, RecordPlace> lastSent;

  LaneState(LanePosition position, Map<Integer, RecordPlace> lastSent) {
    this.position = position;
    this.lastSent = new HashMap<>(lastSent);
  }

  LanePosition position() {
    return position;
  }

  void committed(LanePosition newPosition) {
    position = newPosition;
  }

  /** From here on the events come from this database. */
  void adopt(String database) {
    position =
        new LanePosition(position.position(), position.anchor(), database, position.layout());
  }

  RecordPlace lastSent(int partition) {
    return lastSent.getOrDefault(partition, RecordPlace.NONE);
  }

  /** Notes what goes to a partition next, and tells what went there before. */
  RecordPlace send(int partition, RecordPlace place) {
    RecordPlace previous = lastSent.put(partition, place);
    return previous == null ? RecordPlace.NONE : previous;
  }
}
