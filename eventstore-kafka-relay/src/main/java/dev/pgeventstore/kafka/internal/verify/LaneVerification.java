package dev.pgeventstore.kafka.internal.verify;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.Difference.Kind;
import dev.pgeventstore.kafka.VerificationProgress;
import dev.pgeventstore.kafka.internal.history.SentRecord;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.verify.PartitionCursor.Succession;
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
   * @param listener told how far it has come, after each page
   */
  public void run(Consumer<VerificationProgress> listener) throws InterruptedException {
    try (PartitionCursors cursors =
        new PartitionCursors(
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
                    compare(event, cursors);
                  }
                }
                explainUpTo(at, cursors);
                listener.accept(
                    new Report.Progress(
                        lane.number(),
                        plan.lanes().size(),
                        at,
                        lane.position(),
                        findings.records,
                        findings.differences()));
              });
      explainTheRest(cursors);
      // Each lane meets the same.
      findings.others = cursors.others();
    }
  }

  private void compare(RecordedEvent event, PartitionCursors cursors) {
    if (lane.leavesOut(event)) {
      findings.left++;
      return;
    }
    if (event.isErased()) {
      // What it was before, and where that went, nobody can tell any more.
      return;
    }
    Optional<List<ExpectedRecord>> expected = plan.expected(event);
    if (expected.isEmpty()) {
      // As with the relay: what became of it is explained when it is met.
      findings.missing.addUnmapped(event);
      return;
    }
    findings.events++;
    Set<Outcome> outcomes = EnumSet.noneOf(Outcome.class);
    for (ExpectedRecord record : expected.get()) {
      outcomes.add(compare(record, cursors));
    }
    if (outcomes.contains(Outcome.FOUND) || outcomes.equals(EnumSet.of(Outcome.REMOVED))) {
      findings.missing.isThere(event);
    }
  }

  private Outcome compare(ExpectedRecord expected, PartitionCursors cursors) {
    int partition = lane.partition(expected).partition();
    PartitionCursor cursor = cursors.cursor(expected.topic(), partition);
    if (cursor == null) {
      findings.missing.add(expected, partition);
      return Outcome.MISSING;
    }
    SentRecord next = cursors.next(cursor);
    while (next != null
        && (next.place().compareTo(expected.place()) < 0 || isOfAnother(next, expected))) {
      explain(next, cursors.take(cursor));
      next = cursors.next(cursor);
    }
    if (next != null && next.place().equals(expected.place())) {
      Succession succession = cursors.take(cursor);
      tellGap(next, succession);
      findings.records++;
      List<String> differences = expected.differences(next);
      if (!differences.isEmpty()) {
        findings.add(Kind.DIFFERENT, next, "it has another " + String.join(", ", differences));
      }
      return Outcome.FOUND;
    }
    if (cursor.isBeforeTheCut(expected.place())) {
      findings.removed++;
      return Outcome.REMOVED;
    }
    cursor.missed();
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
  private void explainUpTo(Position position, PartitionCursors cursors) {
    for (PartitionCursor cursor : cursors.all()) {
      SentRecord next = cursor.peek();
      while (next != null && !next.place().position().isAfter(position)) {
        explain(next, cursors.take(cursor));
        next = cursor.peek();
      }
    }
  }

  private void explainTheRest(PartitionCursors cursors) {
    for (PartitionCursor cursor : cursors.all()) {
      SentRecord next = cursors.next(cursor);
      while (next != null) {
        explain(next, cursors.take(cursor));
        next = cursors.next(cursor);
      }
      findings.verified(
          new Report.OfPartition(
              lane.number(),
              cursor.partition.topic(),
              cursor.partition.partition(),
              from(cursor),
              cursor.beginning,
              cursor.end));
    }
    requireTheLast(cursors);
  }

  /**
   * Of what is no event only the chain is known, and a chain does not tell that its end is gone.
   */
  private void requireTheLast(PartitionCursors cursors) {
    lane.sent()
        .forEach(
            (partition, place) -> {
              PartitionCursor cursor = cursors.cursor(partition.topic(), partition.partition());
              if (cursor == null || !cursor.hasComeTo(place)) {
                findings.lastIsMissing(partition, place);
              }
            });
  }

  private Position from(PartitionCursor cursor) {
    if (!cursor.isCut()) {
      return Position.START;
    }
    RecordPlace first = cursor.first();
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
    Optional<List<ExpectedRecord>> expected = plan.expected(event);
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
