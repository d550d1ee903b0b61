package dev.pgeventstore.projection;

import dev.pgeventstore.Position;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** How fast a position advances, from where it was at earlier observations. */
final class Pace {

  private static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(30);

  /** Looks, the oldest first; only the first may be older than the window. */
  private final Deque<Look> looks = new ArrayDeque<>();

  /** What the progress is, given where the position and the mark are at a time. */
  synchronized ProjectionProgress at(Position position, Position mark, long nanoTime) {
    looks.addLast(new Look(position.value(), nanoTime));
    while (looks.size() > 2 && second().nanoTime < nanoTime - WINDOW_NANOS) {
      looks.removeFirst();
    }
    Look first = looks.getFirst();
    double seconds = (nanoTime - first.nanoTime) / 1e9;
    double rate = seconds <= 0 ? 0 : Math.max(0, position.value() - first.position) / seconds;
    return new Progress(position, mark, rate, remaining(position, mark, rate));
  }

  private Look second() {
    var each = looks.iterator();
    each.next();
    return each.next();
  }

  private static Optional<Duration> remaining(Position position, Position mark, double rate) {
    long lag = Math.max(0, mark.value() - position.value());
    if (lag == 0) {
      return Optional.of(Duration.ZERO);
    }
    return rate <= 0
        ? Optional.empty()
        : Optional.of(Duration.ofMillis((long) Math.ceil(lag / rate * 1_000)));
  }

  private record Progress(
      Position position,
      Position highWaterMark,
      double eventsPerSecond,
      Optional<Duration> remaining)
      implements ProjectionProgress {}

  private record Look(long position, long nanoTime) {}
}
