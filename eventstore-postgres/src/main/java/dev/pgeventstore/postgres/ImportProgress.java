package dev.pgeventstore.postgres;

import dev.pgeventstore.Position;
import java.time.Duration;

/**
 * How far an import has come. Everything it counts is committed.
 *
 * @param items how many items of the source are imported, by this run and, if the import has a
 *     name, by those before it
 * @param itemsOfThisRun how many of them by this run
 * @param lastPosition position of the last event; the start if there is none
 * @param elapsed since this run began
 */
public record ImportProgress(
    long items, long itemsOfThisRun, Position lastPosition, Duration elapsed) {

  /**
   * How fast this run is.
   *
   * @return events per second, on average since it began
   */
  public double eventsPerSecond() {
    return itemsOfThisRun * 1e9 / Math.max(1, elapsed.toNanos());
  }
}
