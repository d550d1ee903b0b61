package dev.pgeventstore.projection;

import dev.pgeventstore.Position;
import java.time.Duration;
import java.util.Optional;

/** The progress of a version of a projection, on all nodes. It may get more methods. */
public interface ProjectionProgress {

  /**
   * Everything wanted at or below it has been applied.
   *
   * @return the lowest checkpoint
   */
  Position position();

  /**
   * Everything at or below it is settled.
   *
   * @return the high-water mark
   */
  Position highWaterMark();

  /**
   * How many positions it went forward per second lately, events that it does not want included.
   *
   * @return since a call of {@link Projection#progress()} that is half a minute old, or the first
   *     one since it was started
   */
  double eventsPerSecond();

  /**
   * The time until it reaches the high-water mark at this rate.
   *
   * @return zero if it is there, empty if it does not move
   */
  Optional<Duration> remaining();

  /**
   * How much of the way it has gone.
   *
   * @return 0 to 1
   */
  default double done() {
    return highWaterMark().value() == 0
        ? 1
        : Math.min(1, (double) position().value() / highWaterMark().value());
  }
}
