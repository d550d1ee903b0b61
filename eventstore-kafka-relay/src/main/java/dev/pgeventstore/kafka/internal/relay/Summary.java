package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.RelayStatus;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToLongFunction;

/** What the lanes of a relay come to together. */
public final class Summary {

  private Summary() {}

  public static RelayStatus of(List<RelayStatus> lanes) {
    if (lanes.size() == 1) {
      return lanes.get(0);
    }
    // The states are in the order in which one wants to know of them.
    RelayStatus first = least(lanes, Comparator.comparing(RelayStatus::state));
    RelayStatus latest =
        least(lanes, Comparator.comparing(RelayStatus::lastTransaction).reversed());
    return new RelayStatus(
        first.state(),
        first.reason(),
        least(lanes, Comparator.comparing(RelayStatus::position)).position(),
        lanes.stream().map(RelayStatus::highWaterMark).max(Position::compareTo).orElseThrow(),
        sum(lanes, RelayStatus::transactions),
        sum(lanes, RelayStatus::aborts),
        sum(lanes, RelayStatus::fenced),
        sum(lanes, RelayStatus::eventsSent),
        sum(lanes, RelayStatus::messagesSent),
        sum(lanes, RelayStatus::recordsSent),
        (int) sum(lanes, RelayStatus::parkedStreams),
        lanes.stream().map(RelayStatus::behindFor).max(Duration::compareTo).orElseThrow(),
        latest.lastTransaction(),
        latest.lastTransactionRecords(),
        lanes.stream().flatMap(lane -> lane.blockers().stream()).distinct().toList(),
        lanes.stream().flatMap(lane -> lane.complaint().stream()).findFirst(),
        lanes.stream().flatMap(lane -> lane.lanes().stream()).toList());
  }

  private static RelayStatus least(List<RelayStatus> lanes, Comparator<RelayStatus> order) {
    return lanes.stream().min(order).orElseThrow();
  }

  private static long sum(List<RelayStatus> lanes, ToLongFunction<RelayStatus> number) {
    return lanes.stream().mapToLong(number).sum();
  }
}
