package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.EventStoreException;

/**
 * A record says that another one came before it than was seen. Nothing of it was handled; trying
 * again without doing something about it leads to the same.
 */
public final class GapException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  /** What does not fit. */
  public enum Kind {
    /** Records between the last one seen and this one are missing. */
    MISSING,
    /** Nothing was seen before, and this is not the first record. */
    NOT_THE_FIRST,
    /**
     * The last one seen does not belong to the sequence any more: it was read from a transaction
     * that was then aborted, and was never sent again; or an operator has rewound the relay, and it
     * sends something else now. Raised only if {@link SequenceRules#refusingWithdrawn asked for}.
     */
    WITHDRAWN
  }

  private final Kind kind;
  private final transient SequenceId sequence;
  private final transient Place seen;
  private final transient Place expected;
  private final transient Place place;
  private final long offset;

  GapException(Kind kind, RelayedRecord record, Place seen) {
    super(message(kind, record, seen));
    this.kind = kind;
    this.sequence = record.sequence();
    this.seen = seen;
    this.expected = record.previous();
    this.place = record.place();
    this.offset = record.offset();
  }

  private static String message(Kind kind, RelayedRecord record, Place seen) {
    String where =
        "%s-%d@%d (relay %s, lane %d) stands at %s and follows %s, "
            .formatted(
                record.sequence().topic(),
                record.sequence().partition(),
                record.offset(),
                record.sequence().relay(),
                record.sequence().lane(),
                record.place(),
                record.previous());
    return where
        + switch (kind) {
          case MISSING ->
              "but the last one seen is %s: what is between was deleted from the topic (by retention, compaction or an operator), or offsets were moved past it. Go back to an earlier offset, where what was seen already is dropped. If the records are gone for good, get the events from the store, then move the mark to %s (WatermarkInbox.moveTo)"
                  .formatted(seen, record.previous());
          case NOT_THE_FIRST ->
              "but nothing was seen before: the topic's beginning was deleted, or offsets begin behind it, or the marks were lost. Read from the beginning, or allow a start anywhere (SequenceRules.startingAnywhere), or move the mark to %s (WatermarkInbox.moveTo)"
                  .formatted(record.previous());
          case WITHDRAWN ->
              "but %s was seen: a record of an aborted transaction that was never sent again, because an event was parked, skipped or mapped differently meanwhile, or the relay was rewound. Undo what was done for it if need be, then move the mark back to %s (WatermarkInbox.moveTo)"
                  .formatted(seen, record.previous());
        };
  }

  /**
   * What does not fit.
   *
   * @return the kind
   */
  public Kind kind() {
    return kind;
  }

  /**
   * Where it does not fit.
   *
   * @return relay, lane, topic and partition
   */
  public SequenceId sequence() {
    return sequence;
  }

  /**
   * The last place that was seen.
   *
   * @return {@link Place#START} if none was
   */
  public Place seen() {
    return seen;
  }

  /**
   * The place that should have been seen last: the record's {@code es_prev}.
   *
   * @return what the record follows
   */
  public Place expected() {
    return expected;
  }

  /**
   * The place of the record.
   *
   * @return its position and index
   */
  public Place place() {
    return place;
  }

  /**
   * The offset of the record.
   *
   * @return in its partition
   */
  public long offset() {
    return offset;
  }
}
