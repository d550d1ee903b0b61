package dev.pgeventstore.observability;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.Position;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * For how long the high-water mark has been held back, as seen from here: for as long as it stood
 * at one position while a transaction held it. The age of that transaction says something else: it
 * may have begun long before it appended, and a role may not be allowed to see it. Safe for many
 * threads.
 */
final class HeldMark {

  private @Nullable Position at;
  private long since;

  synchronized Duration observe(Position mark, List<Blocker> blockers, long nanoTime) {
    if (blockers.isEmpty()) {
      at = null;
      return Duration.ZERO;
    }
    if (!mark.equals(at)) {
      at = mark;
      since = nanoTime;
    }
    return Duration.ofNanos(Math.max(0, nanoTime - since));
  }
}
