package dev.pgeventstore.kafka;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.Position;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What a relay is doing. The counters are of this object, since it was started, over all its lanes.
 *
 * @param state whether it publishes; of several lanes, what most needs to be known
 * @param reason why it halted, why it is paused, what it is trying again after, or after which
 *     failure it has handed the lead over
 * @param position everything wanted at or below it is committed in Kafka, as far as this relay
 *     knows: one that does not lead knows what it knew when it last did; of several lanes, the
 *     least
 * @param highWaterMark everything at or below it is settled in the store; as last seen by this
 *     relay
 * @param transactions committed in Kafka; at least once, how often records were confirmed
 * @param aborts transactions that were begun and not seen to commit
 * @param fenced how often another relay has taken over while this one was at work
 * @param eventsSent events in the committed transactions
 * @param messagesSent outbox messages in them
 * @param recordsSent records in them
 * @param parkedStreams how many streams wait for an operator
 * @param behindFor for how long there has been something to publish; zero if there is nothing
 * @param lastTransaction how long the last transaction took, from its first record to its commit
 * @param lastTransactionRecords how many records it had
 * @param blockers who holds the high-water mark back for more than a second: nothing behind their
 *     events can be published
 * @param complaint what is wrong, if anything is
 * @param lanes each lane by itself
 */
public record RelayStatus(
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
    List<Lane> lanes) {

  /**
   * Whether all is well. It is not if the relay has halted; if there was something to publish and
   * nothing was for some time ({@link KafkaRelay.Builder#unhealthyAfter}), for whatever reason,
   * pausing included; if it could not begin to publish for that time; or if for that time somebody
   * held the high-water mark back. A relay that stands by has nothing to complain of.
   *
   * @return false if somebody should look after it; {@link #complaint()} says why
   */
  public boolean isHealthy() {
    return complaint.isEmpty();
  }

  /**
   * How many positions lie between it and the high-water mark: no fewer than there are events and
   * messages to be published.
   *
   * @return 0 if it has caught up
   */
  public long lag() {
    return Math.max(0, highWaterMark.value() - position.value());
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
            lane.lane,
            lane.state,
            lane.position,
            lane.reason.map(why -> " (" + withoutReason(why) + ")").orElse(""));
  }

  /**
   * What a lane is doing.
   *
   * @param lane its number, from 0
   * @param state whether it publishes
   * @param reason why it halted, why it is paused, what it is trying again after, or after which
   *     failure it has handed the lead over
   * @param position everything of it at or below is committed in Kafka
   */
  public record Lane(int lane, State state, Optional<String> reason, Position position) {}

  /** Whether a relay publishes. */
  public enum State {
    /**
     * It has stopped because going on might lose, repeat or reorder events, or cannot succeed. The
     * reason says what to do; then start it again.
     */
    HALTED,
    /** It is about to publish, or tries again after a failure; the reason tells which. */
    STARTING,
    /** An operator has paused it. */
    PAUSED,
    /** It publishes, or waits for events to publish. */
    LEADING,
    /**
     * Another relay of the same name leads. This one takes over when that one is gone. If it could
     * not publish when it led, the reason says so.
     */
    STANDBY,
    /** It was closed. */
    STOPPED
  }
}
