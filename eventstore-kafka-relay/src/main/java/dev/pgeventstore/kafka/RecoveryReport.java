package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import java.util.List;

/** What a relay's lost notes were found to be. Immutable; it may get more methods. */
public interface RecoveryReport {

  /** {@return what was found of each lane} */
  List<RecoveredLane> lanes();

  /**
   * {@return a verification of the topics by the notes that the relay has now; exact where any were
   * made anew}
   */
  VerificationReport verification();

  /** What a lane's notes were found to be. */
  interface RecoveredLane {

    /** {@return its number} */
    int lane();

    /** {@return whether they are new; if not, they were whole, and were left as they are} */
    boolean changed();

    /** {@return the number of the order that the lane goes on with, 1 for the first} */
    int series();

    /** {@return where it goes on, exclusive} */
    Position position();

    /** {@return the streams that wait} */
    List<ParkedStream> parked();

    /**
     * {@return where events stand that were never published although later ones of their streams
     * were, and are taken for passed over or discarded; those that a note is still there for not
     * among them}
     */
    List<Position> leftOut();

    /** {@return how many records the topics have of it in that series} */
    long records();
  }
}
