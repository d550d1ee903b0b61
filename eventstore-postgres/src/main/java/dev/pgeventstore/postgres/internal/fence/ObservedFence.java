package dev.pgeventstore.postgres.internal.fence;

import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import java.sql.SQLException;
import java.util.List;

/**
 * The fence of one schema, over incarnations of the server. It needs the observations in the order
 * in which they were made. Not safe for several threads.
 */
final class ObservedFence {

  private final FenceFunction function;
  private Fence fence = new Fence(0);
  private Mark mark = Mark.UNKNOWN;
  private long drawn;
  private boolean heldBack;

  ObservedFence(FenceFunction function) {
    this.function = function;
  }

  /**
   * Takes in an observation.
   *
   * @param view what it was made through; it is looked again if the server is in another
   *     incarnation
   * @return the mark
   */
  Mark take(Observation first, FenceView view) throws SQLException {
    Observation seen = first;
    String known = mark.incarnation();
    while (!seen.incarnation().equals(known)) {
      // What was known of the old incarnation's transactions says nothing about this one's. The
      // checkpoints are read between two observations of one incarnation: they are older than the
      // second, and none of them is one that the next crash has taken back.
      known = seen.incarnation();
      fence = new Fence(view.settled(function));
      // As one of several: where it is locked it must not hold up who observes other schemas, too.
      seen = view.observeAll(List.of(function)).get(0);
    }
    requireForward(seen);
    List<Holder> holders =
        seen.locks().stream()
            .map(l -> new Holder(l.virtualTransaction(), l.pid() == null))
            .toList();
    long position = fence.observe(seen.drawn(), holders);
    heldBack = position < seen.visible();
    mark = new Mark(position, seen.incarnation(), seen.unflushedTo());
    return mark;
  }

  /**
   * In one incarnation positions are drawn upwards, or the mark would cover what is yet to come.
   */
  private void requireForward(Observation seen) {
    if (seen.incarnation().equals(mark.incarnation()) && seen.drawn() < drawn) {
      throw new InvariantBrokenException(
          ("position %d was drawn in incarnation %s, and now %d is the last that was: the sequence"
                  + " of positions was set back. The high-water mark stays at %d.")
              .formatted(drawn, seen.incarnation(), seen.drawn(), mark.position()));
    }
    drawn = seen.drawn();
  }

  /** Whether something visible lies above the mark. */
  boolean isHeldBack() {
    return heldBack;
  }

  /** Whether a transaction was open that may draw positions. */
  boolean hasHolders() {
    return fence.hasHolders();
  }
}
