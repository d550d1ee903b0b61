package dev.pgeventstore.kafka.internal.verify;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.kafka.Difference.Kind;
import dev.pgeventstore.kafka.internal.history.SentRecord;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.verify.Tape.Succession;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Compares what a lane has sent with the store: event by event in the store's order, each record
 * with the next one in the partition where it should be. What stands there otherwise is explained,
 * or told as a difference. For one thread.
 */
public final class LaneVerification {

  private final VerificationPlan plan;
  private final VerificationPlan.Lane lane;
  private final Findings findings;

  public LaneVerification(VerificationPlan plan, VerificationPlan.Lane lane, Findings findings) {
    this.plan = plan;
    this.lane = lane;
    this.findings = findings;
  }

  /**
   * Compares all of it.
   *
   * @param reached told of the position after each page
   */
  public void run(Consumer<Position> reached) throws InterruptedException {
    try (Tapes tapes =
        new Tapes(
            plan.settings(),
            lane,
            (raw, why) -> findings.unreadable(raw.topic(), raw.partition(), raw.offset(), why))) {
      new EventWalk(plan.feed(), plan.query())
          .run(
              lane.start(),
              lane.position(),
              (events, at) -> {
                for (RecordedEvent event : events) {
                  if (lane.has(event, plan.lanes().size())) {
                    compare(event, tapes);
                  }
                }
                explainUpTo(at, tapes);
                reached.accept(at);
              });
      explainTheRest(tapes);
      // Each lane meets the same.
      findings.others = tapes.others();
    }
  }

  private void compare(RecordedEvent event, Tapes tapes) {
    if (lane.leavesOut(event)) {
      findings.left++;
      return;
    }
    if (event.isErased()) {
      // What it was before, and where that went, nobody can tell any more.
      return;
    }
    Optional<List<ExpectedRecord>> expected = expected(event);
    if (expected.isEmpty()) {
      // As with the relay: what became of it is explained when it is met.
      findings.missing.addUnmapped(event);
      return;
    }
    findings.events++;
    Set<Outcome> outcomes = EnumSet.noneOf(Outcome.class);
    for (ExpectedRecord record : expected.get()) {
      outcomes.add(compare(record, tapes));
    }
    if (outcomes.contains(Outcome.FOUND) || outcomes.equals(EnumSet.of(Outcome.REMOVED))) {
      findings.missing.isThere(event);
    }
  }

  /** The records of an event; none if the mapper fails, by whatever it throws. */
  private Optional<List<ExpectedRecord>> expected(RecordedEvent event) {
    try {
      return Optional.of(ExpectedRecord.of(event, plan.mapper(), plan.topic()));
    } catch (Throwable e) {
      if (Causes.isOfVirtualMachine(e)) {
        throw e;
      }
      return Optional.empty();
    }
  }

  private Outcome compare(ExpectedRecord expected, Tapes tapes) {
    int partition = lane.partition(expected).partition();
    Tape tape = tapes.tape(expected.topic(), partition);
    if (tape == null) {
      findings.missing.add(expected, partition);
      return Outcome.MISSING;
    }
    SentRecord next = tapes.next(tape);
    while (next != null
        && (next.place().compareTo(expected.place()) < 0 || isOfAnother(next, expected))) {
      explain(next, tapes.take(tape));
      next = tapes.next(tape);
    }
    if (next != null && next.place().equals(expected.place())) {
      Succession succession = tapes.take(tape);
      tellGap(next, succession);
      findings.records++;
      List<String> differences = expected.differences(next);
      if (!differences.isEmpty()) {
        findings.add(Kind.DIFFERENT, next, "it has another " + String.join(", ", differences));
      }
      return Outcome.FOUND;
    }
    if (tape.isBeforeTheCut(expected.place())) {
      findings.removed++;
      return Outcome.REMOVED;
    }
    tape.missed();
    findings.missing.add(expected, partition);
    return Outcome.MISSING;
  }

  /** What became of a record that should be there. */
  private enum Outcome {
    FOUND,
    /** By retention. */
    REMOVED,
    /** So far. */
    MISSING
  }

  /** Sent later than its turn, it may have the place that another one should have had. */
  private static boolean isOfAnother(SentRecord next, ExpectedRecord expected) {
    return next.place().equals(expected.place())
        && next.eventPosition()
            .filter(position -> !position.equals(expected.event().position()))
            .isPresent();
  }

  /** What nothing expected is waiting for, as far as it has been read. */
  private void explainUpTo(Position position, Tapes tapes) {
    for (Tape tape : tapes.all()) {
      SentRecord next = tape.peek();
      while (next != null && !next.place().position().isAfter(position)) {
        explain(next, tapes.take(tape));
        next = tape.peek();
      }
    }
  }

  private void explainTheRest(Tapes tapes) {
    for (Tape tape : tapes.all()) {
      SentRecord next = tapes.next(tape);
      while (next != null) {
        explain(next, tapes.take(tape));
        next = tapes.next(tape);
      }
      findings.verified(
          new Report.OfPartition(
              lane.number(),
              tape.partition.topic(),
              tape.partition.partition(),
              from(tape),
              tape.beginning,
              tape.end));
    }
    requireTheLast(tapes);
  }

  /**
   * Of what is no event only the chain is known, and a chain does not tell that its end is gone.
   */
  private void requireTheLast(Tapes tapes) {
    lane.sent()
        .forEach(
            (partition, place) -> {
              Tape tape = tapes.tape(partition.topic(), partition.partition());
              if (tape == null || !tape.hasComeTo(place)) {
                findings.lastIsMissing(partition, place);
              }
            });
  }

  private Position from(Tape tape) {
    if (!tape.isCut()) {
      return Position.START;
    }
    RecordPlace first = tape.first();
    return first == null ? lane.position() : first.position();
  }

  /** A record that is not the one that the store has next for its partition. */
  private void explain(SentRecord record, Succession succession) {
    tellGap(record, succession);
    if (succession == Succession.AGAIN && lane.rewound()) {
      findings.repeated++;
    } else if (succession == Succession.AGAIN || succession == Succession.BEHIND) {
      if (findings.missing.found(record.place())) {
        findings.add(Kind.OUT_OF_ORDER, record, "it comes behind one of a later place");
      } else if (plan.repeatsAllowed()) {
        findings.repeated++;
      } else {
        findings.add(Kind.REPEATED, record, "it was there before");
      }
    } else if (plan.deadLetters().equals(Optional.of(record.raw().topic()))) {
      findings.missing.accountedFor(record.place().position());
      findings.notCompared++;
    } else if (!record.isOfAnEvent()) {
      findings.messages++;
    } else {
      explainNew(record);
    }
  }

  private void tellGap(SentRecord record, Succession succession) {
    if (succession == Succession.GAP) {
      findings.add(
          Kind.GAP, record, "what it says was sent before it is not there: " + record.previous());
    }
  }

  private void explainNew(SentRecord record) {
    Position position = record.eventPosition().orElse(record.place().position());
    Optional<RecordedEvent> event = plan.feed().eventAt(position);
    if (event.isEmpty()) {
      explainWithoutEvent(record, position);
    } else if (event.get().isErased()) {
      findings.notCompared++;
    } else {
      explain(record, event.get());
    }
  }

  private void explainWithoutEvent(SentRecord record, Position position) {
    Optional<UUID> id = plan.feed().idAt(position);
    if (id.isEmpty()) {
      findings.add(Kind.UNKNOWN, record, "the store has no event at position " + position);
    } else {
      // Truncated, tombstoned or purged since.
      findings.notCompared++;
    }
  }

  private void explain(SentRecord record, RecordedEvent event) {
    Optional<List<ExpectedRecord>> expected = expected(event);
    if (expected.isEmpty()) {
      findings.missing.isThere(event);
      findings.notCompared++;
      return;
    }
    ExpectedRecord same = same(record, expected.get());
    boolean mayBeHere = record.eventPosition().isPresent() || lane.leavesOut(event);
    if (same != null && mayBeHere) {
      findings.missing.found(same.place());
      findings.missing.isThere(event);
      findings.records++;
    } else if (same == null && mayBeHere) {
      findings.add(Kind.DIFFERENT, record, "it is not a record of " + event);
    } else {
      findings.add(
          Kind.UNKNOWN,
          record,
          "%s, version %d of stream %s, has no such record here"
              .formatted(event.type(), event.version(), event.stream()));
    }
  }

  /** Which of an event's records was sent later than its place, or before it was left out. */
  private static @Nullable ExpectedRecord same(SentRecord record, List<ExpectedRecord> expected) {
    for (ExpectedRecord one : expected) {
      if (one.topic().equals(record.raw().topic()) && one.differences(record).isEmpty()) {
        return one;
      }
    }
    return null;
  }
}
