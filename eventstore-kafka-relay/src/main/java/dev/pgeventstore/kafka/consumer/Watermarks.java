package dev.pgeventstore.kafka.consumer;

import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * Remembers the last place of each sequence, and tells new records from repeats and from those that
 * come after a gap. That is all the state it takes, however long the topic is. For one thread.
 *
 * <p>Marks that are kept must be kept in the same transaction as the work, as the watermark inbox
 * does. Offsets may be committed before or after or not at all.
 *
 * <h2>Why that is enough</h2>
 *
 * <p>A lane sends its records in the order of their places, <i>r1, r2, r3</i> and so on, and each
 * names the one before it. Each attempt, that is each transaction, begins with the first record
 * that is not yet committed, and writes a first part of what it would send to this partition: the
 * partition's leader takes the records of one producer in order and leaves none out. The attempt
 * before it has ended when it begins, because its producer was fenced. So wherever a record stands
 * in the partition, the one before it stands earlier: committed before, or in the same attempt. Its
 * first copy therefore follows the first copy of the one before it, whatever the transactions were,
 * of whatever size, and whether they were committed.
 *
 * <p>A reader that has read every offset, in order, has hence seen, when it comes to the first copy
 * of a record, exactly those before it. What it takes is what is larger than all it has seen: those
 * first copies, one after the other, and nothing else. What it drops it has had. That holds for
 * readers of committed records, for readers of uncommitted ones, and for records that are sent
 * again after a crash because they are sent at least once. A reader that goes back to an earlier
 * offset sees repeats. One that leaves offsets out, or finds them gone, meets a record whose
 * predecessor is not the last it has seen, at the latest with the next first copy: a {@link
 * GapException}. So does a reader that gets records in another order. A gap may be a false alarm,
 * if all that was left out were copies of an aborted transaction that come again later; silence
 * never is.
 *
 * <h2>What a reader of uncommitted records cannot know</h2>
 *
 * <p>It is ahead of the committed records by those of the transaction that is open, and of aborted
 * ones that are not yet sent again. They will be sent again as they were, and committed, <i>unless
 * something has changed in between</i>: an operator skipped the event, its stream was parked, the
 * mapper makes other records of it, its content was erased, or the database lost it and a new
 * series was begun. Such a record was withdrawn; this is reported only on request. The next record
 * follows an earlier one than was seen, and is taken, for nothing is missing. With {@link
 * SequenceRules#refusingWithdrawn} it is a gap; but if that next one was seen already from the same
 * aborted transaction, nothing shows it. A reader that must not act on uncommitted records reads
 * committed records.
 *
 * <h2>When an operator rewinds the relay</h2>
 *
 * <p>It sends again, in the same series, and its first record in each partition names none before
 * it. Readers that have marks drop what they have had, and go on behind it. A reader without marks
 * that begins behind the rewind, because what was before is deleted, takes it for the beginning.
 *
 * <h2>Names</h2>
 *
 * <p>Relays that publish to one topic must have different names, also those of different stores.
 * Two of one name pass for one sequence: what the second sends at or below the first one's last
 * place is dropped as a repeat, and this is not detected.
 */
public final class Watermarks {

  private final SequenceRules rules;
  private final Map<SequenceId, Place> marks = new HashMap<>();

  private Watermarks(SequenceRules rules) {
    this.rules = rules;
  }

  /**
   * For exact sequences.
   *
   * @return without marks
   */
  public static Watermarks exact() {
    return of(SequenceRules.exact());
  }

  /**
   * For sequences by these rules.
   *
   * @param rules what is tolerated
   * @return without marks
   */
  public static Watermarks of(SequenceRules rules) {
    return new Watermarks(Objects.requireNonNull(rules, "rules"));
  }

  /**
   * Takes a record, in the order of offsets.
   *
   * @param record the next one
   * @return true if it is new: the mark is moved to it. False if it is a repeat, to be dropped
   * @throws GapException if it does not follow what was seen; the mark stays
   */
  public boolean isNew(RelayedRecord record) {
    boolean isNew = rules.isNew(record, last(record.sequence()));
    if (isNew) {
      marks.put(record.sequence(), record.place());
    }
    return isNew;
  }

  /**
   * Moves a mark, to where it was kept, or past a gap.
   *
   * @param sequence which one
   * @param last the place that counts as the last one seen
   */
  public void moveTo(SequenceId sequence, Place last) {
    marks.put(sequence, last);
  }

  /**
   * The last place of a sequence.
   *
   * @param sequence which one
   * @return {@link Place#START} if nothing was seen of it
   */
  public Place last(SequenceId sequence) {
    return marks.getOrDefault(sequence, Place.START);
  }

  /**
   * All marks.
   *
   * @return by sequence; unmodifiable, and changing with this object
   */
  public Map<SequenceId, Place> all() {
    return Collections.unmodifiableMap(marks);
  }
}
