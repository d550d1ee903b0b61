package dev.pgeventstore.subscription;

import dev.pgeventstore.Position;
import java.util.Optional;

/**
 * What a subscription is doing.
 *
 * @param state whether it runs
 * @param position everything wanted at or below it has been handled
 * @param highWaterMark everything at or below it is settled; as last seen by this subscription
 * @param error what stopped it, or what it is retrying after
 */
public record SubscriptionStatus(
    State state, Position position, Position highWaterMark, Optional<Throwable> error) {

  /** Whether a subscription runs. */
  public enum State {
    /** It handles events, or waits for some. */
    RUNNING,
    /** The database cannot be reached or refused the transaction; it tries again, with pauses. */
    RETRYING,
    /** It was closed. */
    STOPPED,
    /** Its handler failed. Nothing was skipped: mend the handler and start it again. */
    FAILED
  }
}
