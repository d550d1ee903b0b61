package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;

/**
 * How far a verification has come. Lanes are verified one after the other. Immutable; it may get
 * more methods.
 */
public interface VerificationProgress {

  /** {@return the lane that is being verified} */
  int lane();

  /** {@return how many there are} */
  int lanes();

  /** {@return the position up to which everything in this lane is compared} */
  Position position();

  /** {@return where this lane ends} */
  Position upTo();

  /** {@return the records compared so far, in all lanes} */
  long records();

  /**
   * The differences found so far, in all lanes.
   *
   * @return what seems to be missing may still be found further on
   */
  long differences();
}
