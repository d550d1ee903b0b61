package dev.pgeventstore.kafka.internal.operate;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.ParkedStream;
import dev.pgeventstore.kafka.RecoveryReport;
import dev.pgeventstore.kafka.VerificationReport;
import java.util.List;
import java.util.stream.Collectors;

/** What a relay's lost notes were found to be. */
public record Recovered(List<RecoveredLane> lanes, VerificationReport verification)
    implements RecoveryReport {

  @Override
  public String toString() {
    return "%s%nverified: %s"
        .formatted(
            lanes.stream().map(RecoveredLane::toString).collect(Collectors.joining("\n")),
            verification);
  }

  record OfLane(
      int lane,
      boolean changed,
      int series,
      Position position,
      List<ParkedStream> parked,
      List<Position> leftOut,
      long records)
      implements RecoveredLane {

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
