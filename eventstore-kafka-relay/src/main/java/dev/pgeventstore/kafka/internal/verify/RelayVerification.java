package dev.pgeventstore.kafka.internal.verify;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.VerificationProgress;
import dev.pgeventstore.kafka.VerificationReport;
import java.util.function.Consumer;

/**
 * Compares what is in Kafka with what the store says should be there, up to where the relay has
 * committed: every record, byte by byte. It reads both from end to end, lane after lane, holds some
 * megabytes at most, and changes nothing. The relay may go on meanwhile.
 */
public final class RelayVerification {

  private RelayVerification() {}

  /**
   * Compares.
   *
   * @param listener told how far it has come
   * @throws IllegalStateException if the store has not come as far as the relay: it has lost
   *     commits
   * @throws InterruptedException if the thread was interrupted
   */
  public static VerificationReport run(
      VerificationPlan plan, Consumer<VerificationProgress> listener) throws InterruptedException {
    Position mark = plan.feed().highWaterMark();
    Findings findings = new Findings();
    for (VerificationPlan.Lane lane : plan.lanes()) {
      if (lane.position().isAfter(mark)) {
        throw new IllegalStateException(
            "the relay has published up to position %s, but the store ends at %s: it has lost commits, or is another one"
                .formatted(lane.position(), mark));
      }
      new LaneVerification(plan, lane, findings).run(listener);
      findings.laneEnds();
    }
    return findings.report();
  }
}
