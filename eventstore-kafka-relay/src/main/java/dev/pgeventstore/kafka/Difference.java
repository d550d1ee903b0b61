package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import java.util.OptionalLong;

/** Where a topic is not what the store says it should be. Immutable; it may get more methods. */
public interface Difference {

  /** {@return in what way} */
  Kind kind();

  /** {@return the name of the topic} */
  String topic();

  /** {@return the partition of the topic} */
  int partition();

  /** {@return the offset of the record; empty for one that is missing} */
  OptionalLong offset();

  /** {@return the position of the event that it was made from, or should have been} */
  Position position();

  /** {@return the number of the record among those of the event} */
  int index();

  /** {@return what it is about, for a person} */
  String what();

  /** In what way. */
  enum Kind {
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
}
