package dev.pgeventstore.subscription;

import dev.pgeventstore.Position;

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
}
