package dev.pgeventstore.subscription;

import dev.pgeventstore.Position;
import java.time.Instant;

/** Where a subscription starts that has no checkpoint. One that has goes on from there. */
public sealed interface Start {

  /**
   * With the first event ever.
   *
   * @return the start
   */
  static Start beginning() {
    return new After(Position.START);
  }

  /**
   * With the first event settled after the subscription is started for the first time.
   *
   * @return the start
   */
  static Start end() {
    return Now.NOW;
  }

  /**
   * With the first event after a position.
   *
   * @param position at most the high-water mark; one beyond it is refused when starting
   * @return the start
   */
  static Start after(Position position) {
    return new After(position);
  }

  /**
   * With the first event that was stored at a time or later, by the clock of the database. Nothing
   * stored since is missed: if clocks went back, earlier events come along. Finding it looks
   * through all events once.
   *
   * @param time inclusive; one in the future is the end
   * @return the start
   */
  static Start at(Instant time) {
    return new At(time);
  }

  /** At the high-water mark. */
  enum Now implements Start {
    /** The only one. */
    NOW
  }

  /**
   * After a position.
   *
   * @param position exclusive
   */
  record After(Position position) implements Start {}

  /**
   * At a time.
   *
   * @param time inclusive
   */
  record At(Instant time) implements Start {}
}
