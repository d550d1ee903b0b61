package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import java.util.Optional;

/**
 * What a relay is doing. The counters are of this object, since it was started.
 *
 * @param state whether it publishes
 * @param reason why it halted, or what it is trying again after
 * @param position everything wanted at or below it is committed in Kafka, as far as this relay
 *     knows: one that does not lead knows what it knew when it last did
 * @param highWaterMark everything at or below it is settled in the store; as last seen by this
 *     relay
 * @param transactions committed in Kafka
 * @param aborts transactions that were begun and not seen to commit
 * @param fenced how often another relay has taken over while this one was at work
 * @param eventsSent events in the committed transactions
 */
public record RelayStatus(
    State state,
    Optional<String> reason,
    Position position,
    Position highWaterMark,
    long transactions,
    long aborts,
    long fenced,
    long eventsSent) {

  /** Whether a relay publishes. */
  public enum State {
    /** It is about to publish, or tries again after a failure; the reason tells which. */
    STARTING,
    /** It publishes, or waits for events to publish. */
    LEADING,
    /** Another relay of the same name leads. This one takes over when that one is gone. */
    STANDBY,
    /**
     * It has stopped because going on might lose, repeat or reorder events, or cannot succeed. The
     * reason says what to do; then start it again.
     */
    HALTED,
    /** It was closed. */
    STOPPED
  }
}
