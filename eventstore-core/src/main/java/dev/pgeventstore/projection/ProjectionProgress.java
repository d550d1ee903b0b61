package dev.pgeventstore.projection;

import dev.pgeventstore.Position;
import java.time.Duration;
import java.util.Optional;

/**
 * How far a version of a projection has come, on all nodes.
 *
 * @param position everything wanted at or below it has been applied
 * @param highWaterMark everything at or below it is settled
 * @param eventsPerSecond how many positions it went forward per second lately, events that it does
 *     not want included: since a call of {@link Projection#progress()} that is half a minute old,
 *     or the first one since it was started
 * @param remaining how long it will take to come to the high-water mark if it goes on like this;
 *     zero if it is there, empty if it does not move
 */
public record ProjectionProgress(
    Position position,
    Position highWaterMark,
    double eventsPerSecond,
    Optional<Duration> remaining) {

  /**
   * How much of the way it has gone.
   *
   * @return 0 to 1
   */
  public double done() {
    return highWaterMark.value() == 0
        ? 1
        : Math.min(1, (double) position.value() / highWaterMark.value());
  }
}
