package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What a relay's lost notes were found to be.
 *
 * @param lanes of each lane
 * @param verification of the topics by the notes that the relay has now; exact where any were made
 *     anew
 */
public record RecoveryReport(List<RecoveredLane> lanes, VerificationReport verification) {

  @Override
  public String toString() {
    return "%s%nverified: %s"
        .formatted(
            lanes.stream().map(RecoveredLane::toString).collect(Collectors.joining("\n")),
            verification);
  }

  /**
   * What a lane's notes were found to be.
   *
   * @param lane its number
   * @param changed whether they are new; if not, they were whole, and were left as they are
   * @param series the number of the order that the lane goes on with, 1 for the first
   * @param position where it goes on, exclusive
   * @param parked the streams that wait
   * @param leftOut where events stand that were never published although later ones of their
   *     streams were, and are taken for passed over or discarded; those that a note is still there
   *     for not among them
   * @param records that the topics have of it in that series
   */
  public record RecoveredLane(
      int lane,
      boolean changed,
      int series,
      Position position,
      List<ParkedStream> parked,
      List<Position> leftOut,
      long records) {

    @Override
    public String toString() {
      return "lane %d %s: position %s of series %d, by %d records; parked %s; left out %s"
          .formatted(
              lane,
              changed ? "is recovered" : "was whole",
              position,
              series,
              records,
              parked.stream().map(one -> one.stream() + " since " + one.since()).toList(),
              leftOut);
    }
  }
}
