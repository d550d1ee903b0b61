package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.RelayStatus;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.ToLongFunction;

/** What a lane is doing, or what the lanes of a relay come to together. */
public record Status(
    State state,
    Optional<String> reason,
    Position position,
    Position highWaterMark,
    long transactions,
    long aborts,
    long fenced,
    long eventsSent,
    long messagesSent,
    long recordsSent,
    int parkedStreams,
    Duration behindFor,
    Duration lastTransaction,
    int lastTransactionRecords,
    List<Blocker> blockers,
    Optional<String> complaint,
    List<Lane> lanes)
    implements RelayStatus {

  /** All lanes together. */
  public static RelayStatus of(List<Status> lanes) {
    if (lanes.size() == 1) {
      return lanes.get(0);
    }
    // The states are in the order in which one wants to know of them.
    Status first = least(lanes, Comparator.comparing(Status::state));
    Status latest = least(lanes, Comparator.comparing(Status::lastTransaction).reversed());
    return new Status(
        first.state,
        first.reason,
        least(lanes, Comparator.comparing(Status::position)).position,
        lanes.stream().map(Status::highWaterMark).max(Position::compareTo).orElseThrow(),
        sum(lanes, Status::transactions),
        sum(lanes, Status::aborts),
        sum(lanes, Status::fenced),
        sum(lanes, Status::eventsSent),
        sum(lanes, Status::messagesSent),
        sum(lanes, Status::recordsSent),
        (int) sum(lanes, Status::parkedStreams),
        lanes.stream().map(Status::behindFor).max(Duration::compareTo).orElseThrow(),
        latest.lastTransaction,
        latest.lastTransactionRecords,
        lanes.stream().flatMap(lane -> lane.blockers.stream()).distinct().toList(),
        lanes.stream().flatMap(lane -> lane.complaint.stream()).findFirst(),
        lanes.stream().flatMap(lane -> lane.lanes.stream()).toList());
  }

  private static Status least(List<Status> lanes, Comparator<Status> order) {
    return lanes.stream().min(order).orElseThrow();
  }

  private static long sum(List<Status> lanes, ToLongFunction<Status> number) {
    return lanes.stream().mapToLong(number).sum();
  }

  /** All of it; the reason, which may be long, is there once. */
  @Override
  public String toString() {
    return "RelayStatus[%s%s, position=%s, highWaterMark=%s, transactions=%d, aborts=%d, fenced=%d, eventsSent=%d, messagesSent=%d, recordsSent=%d, parkedStreams=%d, behindFor=%s, lastTransaction=%s with %d records%s%s%s]"
        .formatted(
            state,
            reason.map(why -> " (" + why + ")").orElse(""),
            position,
            highWaterMark,
            transactions,
            aborts,
            fenced,
            eventsSent,
            messagesSent,
            recordsSent,
            parkedStreams,
            behindFor,
            lastTransaction,
            lastTransactionRecords,
            blockers.isEmpty() ? "" : ", blockers=" + blockers,
            complaint.map(what -> ", complaint=" + withoutReason(what)).orElse(""),
            lanes.size() == 1 ? "" : ", lanes=" + lanes.stream().map(this::text).toList());
  }

  private String withoutReason(String complaint) {
    return reason
        .filter(why -> !why.isEmpty())
        .map(why -> complaint.replace(why, "see above"))
        .orElse(complaint);
  }

  private String text(Lane lane) {
    return "%d %s at %s%s"
        .formatted(
            lane.lane(),
            lane.state(),
            lane.position(),
            lane.reason().map(why -> " (" + withoutReason(why) + ")").orElse(""));
  }

  /** What a lane is doing. */
  record OfLane(int lane, State state, Optional<String> reason, Position position)
      implements Lane {}
}
