package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import java.util.OptionalLong;

/**
 * Where a topic is not what the store says it should be.
 *
 * @param kind in what way
 * @param topic where
 * @param partition where in it
 * @param offset of the record; empty for one that is missing
 * @param position of the event that it was made from, or should have been
 * @param index of the record among those of the event
 * @param what it is about, for a person
 */
public record Difference(
    Kind kind,
    String topic,
    int partition,
    OptionalLong offset,
    Position position,
    int index,
    String what) {

  /** In what way. */
  public enum Kind {
    /** A record that should be in the partition is not. */
    MISSING,
    /** The record is there once more. */
    REPEATED,
    /** It stands behind one that it should stand before. */
    OUT_OF_ORDER,
    /** Its key, value or headers are others. */
    DIFFERENT,
    /** The relay says that it sent it, but nothing in the store is its source. */
    UNKNOWN,
    /**
     * It says that something was sent before it which is not there: a message, or what cannot be
     * compared.
     */
    GAP
  }

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
