package dev.pgeventstore.subscription;

import dev.pgeventstore.Position;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where a subscription without a checkpoint starts. One with a checkpoint continues from there.
 * Immutable.
 */
public final class Start {

  private static final Start BEGINNING = new Start(Position.START, null);
  private static final Start END = new Start(null, null);

  private final @Nullable Position position;
  private final @Nullable Instant time;

  private Start(@Nullable Position position, @Nullable Instant time) {
    this.position = position;
    this.time = time;
  }

  /**
   * With the first event ever.
   *
   * @return the start
   */
  public static Start beginning() {
    return BEGINNING;
  }

  /**
   * With the first event settled after the subscription is started for the first time.
   *
   * @return the start
   */
  public static Start end() {
    return END;
  }

  /**
   * With the first event after a position.
   *
   * @param position at most the high-water mark; one beyond it is refused when starting
   * @return the start
   */
  public static Start after(Position position) {
    return new Start(Objects.requireNonNull(position, "the position is null"), null);
  }

  /**
   * With the first event that was stored at a time or later, by the clock of the database. Nothing
   * stored since is missed: if clocks went back, earlier events come along. Finding it looks
   * through all events once.
   *
   * @param time inclusive; one in the future is the end
   * @return the start
   */
  public static Start at(Instant time) {
    return new Start(null, Objects.requireNonNull(time, "the time is null"));
  }

  /**
   * The position after which it is.
   *
   * @return empty if it is at a time, or at the end
   */
  public Optional<Position> position() {
    return Optional.ofNullable(position);
  }

  /**
   * The time at which it is, inclusive.
   *
   * @return empty if it is after a position, or at the end
   */
  public Optional<Instant> time() {
    return Optional.ofNullable(time);
  }

  @Override
  public String toString() {
    return position != null
        ? "after position " + position
        : time != null ? "at " + time : "the end";
  }
}
