package dev.pgeventstore.kafka.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.kafka.simulation.Plan.Focus;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The simulation finds mistakes: each of these, from each of five seeds, within so many runs. */
@Order(1)
class RelayMutantsTest {

  private static final int MOST_RUNS = 300;
  private static final long FIRST_SEED = 1_000_000;

  static Stream<Mutant> mutants() {
    return Stream.of(
        new Mutant(
                "a database that has lost messages only passes for the one that was published",
                Focus.HISTORY,
                "internal.history.History",
                ".filter(ledger::isForeign)",
                ".filter(token -> token.number() < 0)")
            .and(
                "internal.history.TailFindings",
                "return ledger.isPresent() && record",
                "return ledger.isPresent() && record.offset() < 0 && record"),
        new Mutant(
            "a start that is left in the code counts for a relay that has lost its position",
            Focus.POSITIONS,
            "internal.relay.LaneBeginning",
            "if (begun || !own.isEmpty()) {",
            "if (spec.startAfter().isEmpty() && (begun || !own.isEmpty())) {"),
        // By two checks: the records beyond the notes, and the token that the database has.
        new Mutant(
                "records beyond the notes are published again",
                Focus.POSITIONS,
                "internal.history.TailFindings",
                "    if (exact) {",
                "    if (exact && records.isEmpty()) {")
            .and("internal.history.History", "requireLatestNotes(position, ledger);", ""),
        new Mutant(
                "the delivery is changed, and back, and the notes of before are believed",
                Focus.DELIVERY,
                "internal.history.TailFindings",
                "    if (exact) {",
                "    if (exact && records.isEmpty()) {")
            .and("internal.history.History", "requireLatestNotes(position, ledger);", "")
            .and(
                "internal.relay.LaneBeginning",
                "if (begun || !own.isEmpty()) {",
                "if (lane.isExactlyOnce() && (begun || !own.isEmpty())) {")
            .and(
                "internal.relay.LaneBeginning",
                "declared.requireSame(spec.name(), spec.declaration());",
                "Object unused = declared.delivery();"),
        new Mutant(
            "a recovery takes what waits for passed over",
            Focus.RECOVERY,
            "internal.operate.LaneDraft",
            "if (missing.wasPassedBy(stream, at)) {",
            "if (at.isAfter(Position.START)) {"),
        new Mutant(
            "a recovery takes a lane to stand before the last that it has published",
            Focus.RECOVERY,
            "internal.operate.LaneDraft",
            "series.isEmpty() ? start : series.end().position()",
            "series.isEmpty() ? start : Position.of(Math.max(start.value(), series.end().position().value() - 1))"),
        new Mutant(
            "a leader that cannot publish keeps the lead",
            Focus.REFUSED,
            "internal.relay.Lane",
            "    leadership.release();\n    progress.handsOver();",
            "    progress.handsOver();"),
        new Mutant(
            "a position is noted before its records are acknowledged",
            Focus.BROKER,
            "internal.writer.PipelinedWriter",
            "first.unconfirmed.get() == 0",
            "first.unconfirmed.get() >= 0"));
  }

  private static final String COMPARES =
      "         and position = ?\n         and record_index = ?\n";

  /** Of a consumer with marks. */
  static Stream<Mutant> consumers() {
    return Stream.of(
        // By two protections: the lock of the mark, and the comparison when it is moved.
        new Mutant(
                "a mark is neither locked nor compared",
                Focus.CONSUMERS,
                "internal.consumer.MarksTable",
                "         for update\n",
                "")
            .and("internal.consumer.MarksTable", COMPARES, ""),
        new Mutant(
                "a partition that was taken away is handled on, without a lock or comparison",
                Focus.CONSUMERS,
                "internal.consumer.PartitionWork",
                "      abandoned = true;",
                "      abandoned = false;")
            .and("internal.consumer.MarksTable", "         for update\n", "")
            .and("internal.consumer.MarksTable", COMPARES, ""),
        new Mutant(
            "offsets are committed before the transaction",
            Focus.CONSUMERS,
            "internal.consumer.PartitionWork",
            "      return reached;",
            "      return waiting.isEmpty() ? reached : OptionalLong.of(waiting.getLast().offset() + 1);"),
        new Mutant(
            "a failure of the database counts as an attempt of the record",
            Focus.CONSUMERS,
            "internal.consumer.BlameRules",
            "? Blame.MARK_HELD : Blame.ENVIRONMENT;",
            "? Blame.MARK_HELD : Blame.RECORD;"),
        new Mutant(
            "waiting for a mark counts as an attempt of the record",
            Focus.CONSUMERS,
            "internal.consumer.BlameRules",
            "? Blame.MARK_HELD : Blame.ENVIRONMENT;",
            "? Blame.RECORD : Blame.ENVIRONMENT;"),
        new Mutant(
            "a record that was put off counts as handled",
            Focus.CONSUMERS,
            "internal.consumer.PartitionWork",
            "      failed(blames.of(e, tried.get(0).offset()), e.failure(), tried);",
            "      done(tried);"),
        new Mutant(
                "a mark is moved past the records before the one that is set aside",
                Focus.CONSUMERS,
                "internal.consumer.PartitionCourse",
                "return mode == Mode.TOGETHER ? waiting : Math.min(1, waiting);",
                "return mode == Mode.ALONE ? Math.min(1, waiting) : waiting;")
            .and(
                "internal.consumer.PartitionWork",
                "handling.setAside(tried.get(0)",
                "handling.setAside(tried.get(tried.size() - 1)"),
        new Mutant(
            "a lost answer to a commit is taken for a failure of the handler",
            Focus.CONSUMERS,
            "internal.consumer.BlameRules",
            "faults.isHandlers(failure, e.connectionLived(), at, databaseIsWell)",
            "faults.isHandlers(failure, true, at, databaseIsWell)"));
  }

  @ParameterizedTest
  @MethodSource({"mutants", "consumers"})
  void a_mistake_is_found(Mutant mutant) throws Exception {
    requireFound(mutant, FIRST_SEED);
  }

  @Tag("faults")
  @ParameterizedTest
  @MethodSource({"mutants", "consumers"})
  void a_mistake_is_found_from_each_of_five_seeds(Mutant mutant) throws Exception {
    for (long seed = 1; seed <= 5; seed++) {
      requireFound(mutant, seed * FIRST_SEED);
    }
  }

  private static void requireFound(Mutant mutant, long seed) throws Exception {
    BiFunction<Long, String, Optional<String>> simulation = mutant.simulation();
    Optional<String> found = Optional.empty();
    int runs = 0;
    while (found.isEmpty() && runs < MOST_RUNS) {
      found = simulation.apply(seed + runs++, mutant.focus().name());
    }
    assertThat(found).as("%s, from seed %d, within %d runs", mutant, seed, runs).isPresent();
    assertThat(found.get()).startsWith("java.lang.AssertionError");
  }
}
