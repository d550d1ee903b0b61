package dev.pgeventstore.kafka.internal.record;

import dev.pgeventstore.Position;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds out which record Kafka refuses. It answers a batch at a time, and what is behind a refused
 * record must not be sent; so all that is certain of a refusal is where the batch began. From there
 * on the same is sent again in portions of one, two, four and so on, each confirmed before the
 * next, after everything before. A refused portion that was made from one event or message names
 * it, and the poison policy decides about that one.
 *
 * <pre>
 *   calm ── refused ──> searching ── refused, made from one ──> known: the policy decides
 *    ^                      │ ^ └──── refused, made from several: from there, one at a time
 *    └── all was confirmed ─┘
 * </pre>
 *
 * <p>It outlives what sends: all that is thrown away after each failure. For one thread, but for
 * {@link #of}.
 */
public final class Refusals {

  private static final Logger LOG = LoggerFactory.getLogger(Refusals.class);

  /** How often one must be refused alone by an answer that may have been about something else. */
  private static final int TRIES = 3;

  private final Map<Position, List<RecordRefusedException>> known = new ConcurrentSkipListMap<>();
  private @Nullable Search search;
  private @Nullable Position alone;
  private Position sent = Position.START;
  private Position suspected = Position.START;
  private int tries;

  /** Something is about to be sent. */
  public void sends(Parcel parcel) {
    sent = parcel.upTo();
    alone = parcel.onlySource();
  }

  /** A record of what was sent was refused. */
  public void refused(RecordRefusedException refusal) {
    Position position = refusal.position();
    Position last = search == null || sent.isAfter(search.upTo()) ? sent : search.upTo();
    search = new Search(position, last.isAfter(position) ? last : position);
    if (position.equals(alone)) {
      refusedAlone(position, refusal);
    }
  }

  private void refusedAlone(Position position, RecordRefusedException refusal) {
    tries = position.equals(suspected) ? tries + 1 : 1;
    suspected = position;
    if (tries >= TRIES || Failures.isOfRecord(refusal)) {
      LOG.debug("What stands at position {} is refused for what it is", position);
      List<RecordRefusedException> more = new ArrayList<>(of(position));
      more.add(refusal);
      known.put(position, List.copyOf(more));
      tries = 0;
    }
  }

  /**
   * What is known to be refused of what stands at a position.
   *
   * @return the oldest first: of the record itself, then of what was sent in its place
   */
  public List<RecordRefusedException> of(Position position) {
    return known.getOrDefault(position, List.of());
  }

  /** All up to a position is committed: nothing of it is of interest any more. */
  public void forgetUpTo(Position position) {
    known.keySet().removeIf(refused -> !refused.isAfter(position));
    if (search != null && !search.upTo().isAfter(position)) {
      search = null;
    }
  }

  /** Where it has to be found out; null if nowhere. */
  public @Nullable Search search() {
    return search;
  }

  /**
   * Where a refused record may stand.
   *
   * @param from the first position
   * @param upTo the last one
   */
  public record Search(Position from, Position upTo) {

    public boolean includes(Position position) {
      return !from.isAfter(position) && !position.isAfter(upTo);
    }
  }
}
