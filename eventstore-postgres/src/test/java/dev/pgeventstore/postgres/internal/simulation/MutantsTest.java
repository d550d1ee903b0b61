package dev.pgeventstore.postgres.internal.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.postgres.internal.simulation.Plan.Focus;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The simulation finds mistakes: each of these, from each of five seeds, within so many runs. */
@Order(1)
class MutantsTest {

  private static final int MOST_RUNS = 300;
  private static final long FIRST_SEED = 1_000_000;

  private static Stream<Mutant> mutants() {
    return Stream.of(
        new Mutant(
                "pages that overlap are chained, and filtered by where the reader began",
                Focus.READERS,
                "subscribe.SharedPages",
                "overlapped != null;",
                "overlapped != null && overlapped.weight < 0;")
            .and(
                "subscribe.SharedPages",
                "Kept found = kept.get(page.upTo());\n      return found == null ? null :",
                """
                Map.Entry<Long, Kept> entry = kept.floorEntry(page.upTo());
                      Kept found = entry == null ? null : entry.getValue();
                      return found == null ? null :""")
            .and(
                "subscribe.PrefetchingReader",
                "if (event.position().value() > taken &&",
                "if (event.position().value() > after &&"),
        new Mutant(
            "a checkpoint moves from anywhere",
            Focus.NODES,
            "tables.CheckpointsTable",
            "and position = ?\n         and position < ?\n         and owner = ?",
            """
            and (position = ? or true)
                     and (position < ? or true)
                     and owner = ?"""),
        new Mutant(
            "a checkpoint moves in any tenure of its owner",
            Focus.PARTITIONS,
            "tables.CheckpointsTable",
            "and epoch = ?\n         and (barrier is null or barrier >= ?)",
            "and (epoch = ? or true)\n         and (barrier is null or barrier >= ?)"),
        new Mutant(
            "a lease is trusted instead of owner and epoch",
            Focus.NODES,
            "tables.CheckpointsTable",
            "and owner = ?\n         and epoch = ?\n         and (barrier is null or barrier >= ?)",
            """
            and (owner = ? or true)
                     and (epoch = ? or true)
                     and (barrier is null or barrier >= ?)"""),
        new Mutant(
            "a checkpoint moves in any incarnation of the server",
            Focus.RETRIES,
            "tables.CheckpointsTable",
            "and $schema.incarnation() = ?\n         and (pg_catalog",
            "and ($schema.incarnation() = ? or true)\n         and (pg_catalog"),
        new Mutant(
            "a checkpoint moves beyond a barrier",
            Focus.NODES,
            "tables.CheckpointsTable",
            "and (barrier is null or barrier >= ?)",
            "and (barrier >= ? or true)"),
        new Mutant(
            "the mark is what was drawn last",
            Focus.FENCE,
            "fence.Fence",
            "lowest = Math.min(lowest, bound);",
            "lowest = nowDrawn;"),
        new Mutant(
            "a holder's bound is forgotten",
            Focus.FENCE,
            "fence.Fence",
            "bounds.putAll(seen);",
            ""),
        new Mutant(
            "a fence is kept over a restart",
            Focus.HISTORY,
            "fence.ObservedFence",
            "while (!seen.incarnation().equals(known)) {",
            "while (known.isEmpty()) {"),
        new Mutant(
                "nodes that declare another query join",
                Focus.NODES,
                "simulation.SimulatedLeases",
                "if (isDeclaredOtherwise(names[i], queries[i])) {",
                "if (false) {")
            .and("simulation.SimulatedLeases", "&& query.equals(at(cell).query)\n", "\n")
            .and("simulation.SimulatedLeases", "if (!query.equals(declared)) {", "if (false) {")
            .and(
                "subscribe.LeaseVerdict",
                ".filter(declared -> !declared.equals(query))",
                ".filter(String::isEmpty)"),
        new Mutant(
            "positions are handed out that are not flushed",
            Focus.CLIENTS,
            "subscribe.DurableMark",
            "if (mark.unflushedTo() > 0) {",
            "if (mark.unflushedTo() < 0) {"),
        new Mutant(
            "an append is waited for by its position only",
            Focus.HISTORY,
            "subscribe.AppendFates",
            "return append.parts().isEmpty() ||",
            "return append != null ||"),
        new Mutant(
            "an append is taken for one of the incarnation that was known before it",
            Focus.HISTORY,
            "subscribe.AppliedWait",
            "if (!isStill(passed.incarnation(), began)) {",
            "if (began < 0) {"),
        new Mutant(
            "a position is waited for in one partition only",
            Focus.HISTORY,
            "subscribe.AwaitedPartitions",
            "IntStream.range(0, number)",
            "IntStream.range(0, 1)"));
  }

  @ParameterizedTest
  @MethodSource("mutants")
  void a_mistake_is_found(Mutant mutant) throws Exception {
    requireFound(mutant, FIRST_SEED);
  }

  @Tag("faults")
  @ParameterizedTest
  @MethodSource("mutants")
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
