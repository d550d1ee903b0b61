package dev.pgeventstore.kafka.internal.verify;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.Difference;
import java.util.OptionalLong;

/** A difference that was found. */
record Found(
    Kind kind,
    String topic,
    int partition,
    OptionalLong offset,
    Position position,
    int index,
    String what)
    implements Difference {

  @Override
  public String toString() {
    return "%s %s-%d%s %s:%d %s"
        .formatted(
            kind,
            topic,
            partition,
            offset.isPresent() ? "@" + offset.getAsLong() : "",
            position,
            index,
            what);
  }
}
