package dev.pgeventstore.kafka.internal.operate;

import dev.pgeventstore.kafka.RecoveryReport;
import dev.pgeventstore.kafka.RecoveryReport.RecoveredLane;
import dev.pgeventstore.kafka.VerificationProgress;
import dev.pgeventstore.kafka.internal.relay.LaneBeginning.Start;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/** Makes a relay's lost notes anew, lane after lane (docs/adr/0026). For one thread. */
public final class Recovery {

  private final Operator operator;
  private final Evidence evidence;
  private final List<RecoveredLane> lanes = new ArrayList<>();

  /**
   * @param furtherTopics that nothing names any more
   * @param listener told how far it has come
   */
  public Recovery(
      Operator operator, Set<String> furtherTopics, Consumer<VerificationProgress> listener)
      throws InterruptedException {
    this.operator = operator;
    this.evidence =
        new Evidence(
            operator.spec(), operator.feed(), operator.settings(), furtherTopics, listener);
  }

  /**
   * Does it.
   *
   * @throws IllegalStateException if the notes of a lane cannot be made of what is there; nothing
   *     of it was changed
   */
  public RecoveryReport run(String why) throws InterruptedException {
    for (int lane = 0; lane < operator.spec().lanes(); lane++) {
      operator.onLane(
          lane,
          Start.LOST,
          (access, lead) -> {
            operator.awaitSilence(operator.spec().delivery());
            lanes.add(new LaneRecovery(evidence, access, lead).run(why));
          });
    }
    return new Recovered(List.copyOf(lanes), evidence.proof().report());
  }
}
