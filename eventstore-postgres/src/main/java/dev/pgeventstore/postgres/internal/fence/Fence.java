package dev.pgeventstore.postgres.internal.fence;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;

/**
 * Turns observations into the high-water mark. It knows nothing of databases, clocks or threads;
 * the caller sees to it that observations arrive in the order in which they were made.
 *
 * <p>An observation is the last position that was drawn, and then, read after it, the transactions
 * that hold the lock under which positions are drawn. A holder that was not there in the last
 * observation has drawn its positions since, so all of them lie above what was drawn then: that is
 * its bound. The mark is what is drawn now, or the smallest bound of a present holder if that is
 * lower. docs/adr/0001 has the proof.
 *
 * <p>It serves one incarnation of the server. Not safe for several threads.
 */
final class Fence {

  private final Map<Holder, Long> bounds = new HashMap<>();
  private long drawn;
  private long mark;

  /**
   * Starts without history.
   *
   * @param settled a position up to which the order is known to be settled, such as the largest
   *     checkpoint: whoever holds the lock already cannot have drawn a position below it that is
   *     still open
   */
  Fence(long settled) {
    drawn = settled;
    mark = settled;
  }

  /**
   * Takes in an observation.
   *
   * @param nowDrawn the last position that was drawn
   * @param holders who held the lock, read after that
   * @return the high-water mark
   */
  long observe(long nowDrawn, Collection<Holder> holders) {
    Map<Holder, Long> seen = new HashMap<>();
    long lowest = nowDrawn;
    for (Holder holder : holders) {
      long bound = boundOf(holder);
      seen.put(holder, bound);
      lowest = Math.min(lowest, bound);
    }
    bounds.clear();
    bounds.putAll(seen);
    drawn = Math.max(drawn, nowDrawn);
    mark = Math.max(mark, lowest);
    return mark;
  }

  private long boundOf(Holder holder) {
    long known = Long.MAX_VALUE;
    for (Map.Entry<Holder, Long> earlier : bounds.entrySet()) {
      if (isSame(earlier.getKey(), holder)) {
        known = Math.min(known, earlier.getValue());
      }
    }
    if (known < Long.MAX_VALUE) {
      return known;
    }
    // A prepared transaction may have changed its name when it was prepared, so it may have been
    // seen before; whatever it held back then lies above the mark.
    return holder.prepared() ? mark : drawn;
  }

  private static boolean isSame(Holder earlier, Holder now) {
    return earlier.virtualTransaction().equals(now.virtualTransaction())
        || (now.isCommitting() && !earlier.prepared() && earlier.backend().equals(now.backend()));
  }

  long mark() {
    return mark;
  }

  boolean hasHolders() {
    return !bounds.isEmpty();
  }
}
