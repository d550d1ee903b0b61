package dev.pgeventstore.postgres;

import dev.pgeventstore.Position;
import java.time.Duration;

/** The progress of an import. Everything it counts is committed. It may get more methods. */
public interface ImportProgress {

  /**
   * How many items of the source are imported.
   *
   * @return by this run and, if the import has a name, by those before it
   */
  long items();

  /**
   * How many of them by this run.
   *
   * @return 0 or more
   */
  long itemsOfThisRun();

  /**
   * The position of the last event.
   *
   * @return the start if there is none
   */
  Position lastPosition();

  /**
   * How long this run takes.
   *
   * @return since it began
   */
  Duration elapsed();

  /**
   * How fast this run is.
   *
   * @return events per second, on average since it began
   */
  default double eventsPerSecond() {
    return itemsOfThisRun() * 1e9 / Math.max(1, elapsed().toNanos());
  }
}
