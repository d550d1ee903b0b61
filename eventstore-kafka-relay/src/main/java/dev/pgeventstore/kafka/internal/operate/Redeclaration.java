package dev.pgeventstore.kafka.internal.operate;

import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.internal.Declaration;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.NoteChanges;
import dev.pgeventstore.kafka.internal.relay.LaneAccess;
import dev.pgeventstore.kafka.internal.relay.LaneBeginning.Start;
import dev.pgeventstore.kafka.internal.relay.LaneContext;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Lets a relay go on with what it is declared with now, in a new series. */
public final class Redeclaration {

  private final Operator operator;

  public Redeclaration(Operator operator) {
    this.operator = operator;
  }

  /**
   * Does it.
   *
   * @throws IllegalStateException if a lane has to go on first as it was
   */
  public void run(String why) throws InterruptedException {
    int lanes = operator.spec().lanes();
    if (lanes > 1) {
      // None is changed if one has to go on first as it was.
      for (int lane = 0; lane < lanes; lane++) {
        operator.onLane(
            lane,
            Start.REDECLARED,
            (access, lead) -> access.beginning().standing(notesBefore(access)));
      }
    }
    for (int lane = 0; lane < lanes; lane++) {
      operator.onLane(lane, Start.REDECLARED, (access, lead) -> redeclare(access, why));
    }
  }

  private void redeclare(LaneAccess access, String why) throws InterruptedException {
    operator.awaitSilence(earlierDelivery(access.lane()));
    LaneNotes before = notesBefore(access);
    LanePosition position = access.beginning().standing(before);
    Map<String, @Nullable String> changes = new HashMap<>();
    access.readNotes().ofLane().keySet().forEach(name -> changes.put(name, null));
    changes.putAll(before.ofLane());
    changes.putAll(new NoteChanges(before).anew(position.position()));
    changes.put(LaneNotes.auditNow(), "redeclare: " + why);
    if (before.position().isEmpty()) {
      // It has sent nothing that another series could be told from.
      LanePosition unused = access.beginning().begin(changes, access.writer());
    } else {
      new Renewal(access).beginSeries(before, position.position(), changes);
    }
  }

  private static Delivery earlierDelivery(LaneContext lane) {
    return lane.leaseNotes().declared().map(Declaration::delivery).orElse(lane.spec().delivery());
  }

  /** What the lane has noted by its earlier declaration: the delivery says where. */
  private LaneNotes notesBefore(LaneAccess access) throws InterruptedException {
    LaneContext lane = access.lane();
    Delivery earlier = earlierDelivery(lane);
    if (earlier == lane.spec().delivery()) {
      return access.readNotes();
    }
    try (LaneAccess before =
        operator.open(lane.with(lane.spec().with(earlier)), Start.REDECLARED)) {
      before.writer().takeOver();
      return before.readNotes();
    }
  }
}
