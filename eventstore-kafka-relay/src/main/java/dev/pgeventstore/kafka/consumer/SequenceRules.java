package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.kafka.consumer.GapException.Kind;

/**
 * What a reader takes for a sequence: the exact sequence, unless it is told to tolerate less.
 * Immutable.
 */
public final class SequenceRules {

  private static final SequenceRules EXACT = new SequenceRules(false, false, false);

  private final boolean anywhere;
  private final boolean refuseWithdrawn;
  private final boolean holes;

  private SequenceRules(boolean anywhere, boolean refuseWithdrawn, boolean holes) {
    this.anywhere = anywhere;
    this.refuseWithdrawn = refuseWithdrawn;
    this.holes = holes;
  }

  /**
   * From the first record on, every one. The default. What was seen and does not belong to the
   * sequence any more is tolerated.
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
    return new SequenceRules(true, refuseWithdrawn, holes);
  }

  /**
   * The same, but a record that follows an earlier one than the last one seen is a gap, too. Then
   * something was seen that does not belong to the sequence any more: see {@link
   * GapException.Kind#WITHDRAWN}. For readers of uncommitted records that must hear of it, as far
   * as that is possible.
   *
   * @return a copy
   */
  public SequenceRules refusingWithdrawn() {
    return new SequenceRules(anywhere, true, holes);
  }

  /**
   * The same, but records may be missing. Repeats are still dropped and order is kept; completeness
   * is not proved. For compacted topics, and for dead letters.
   *
   * @return a copy
   */
  public SequenceRules allowingHoles() {
    return new SequenceRules(true, false, true);
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
    if (gap < 0 && refuseWithdrawn) {
      throw new GapException(Kind.WITHDRAWN, record, seen);
    }
    boolean first = seen.equals(Place.START);
    if (gap > 0 && !holes && !(first && anywhere)) {
      throw new GapException(first ? Kind.NOT_THE_FIRST : Kind.MISSING, record, seen);
    }
    return true;
  }
}
