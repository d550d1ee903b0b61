package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.kafka.consumer.GapException.Kind;

/**
 * What a reader takes for a sequence: the exact one, unless it was told to put up with less.
 * Immutable.
 */
public final class SequenceRules {

  private static final SequenceRules EXACT = new SequenceRules(false, false, false);

  private final boolean anywhere;
  private final boolean withdrawn;
  private final boolean holes;

  private SequenceRules(boolean anywhere, boolean withdrawn, boolean holes) {
    this.anywhere = anywhere;
    this.withdrawn = withdrawn;
    this.holes = holes;
  }

  /**
   * From the first record on, every one. The default.
   *
   * @return the rules
   */
  public static SequenceRules exact() {
    return EXACT;
  }

  /**
   * The same, but the first record seen of a sequence may be any. From there on it is exact. For
   * topics whose beginning is gone, and readers that do not want it.
   *
   * @return a copy
   */
  public SequenceRules startingAnywhere() {
    return new SequenceRules(true, withdrawn, holes);
  }

  /**
   * The same, but records that were seen and then never committed are put up with. For readers of
   * uncommitted records whose work does not suffer from an event that was never published.
   *
   * @return a copy
   */
  public SequenceRules allowingWithdrawn() {
    return new SequenceRules(anywhere, true, holes);
  }

  /**
   * The same, but records may be missing. Repeats are still dropped and order is kept; completeness
   * is not proved, and records may have been withdrawn. For compacted topics, and for dead letters.
   *
   * @return a copy
   */
  public SequenceRules allowingHoles() {
    return new SequenceRules(true, true, true);
  }

  boolean allowHoles() {
    return holes;
  }

  /**
   * Whether a record is new.
   *
   * @param seen the last place of its sequence, {@link Place#START} for none
   * @return false if it is a repeat
   * @throws GapException if it does not follow what was seen
   */
  boolean isNew(RelayedRecord record, Place seen) {
    if (!record.place().isAfter(seen)) {
      return false;
    }
    int gap = record.previous().compareTo(seen);
    if (gap < 0 && !withdrawn) {
      throw new GapException(Kind.WITHDRAWN, record, seen);
    }
    boolean first = seen.equals(Place.START);
    if (gap > 0 && !holes && !(first && anywhere)) {
      throw new GapException(first ? Kind.NOT_THE_FIRST : Kind.MISSING, record, seen);
    }
    return true;
  }
}
