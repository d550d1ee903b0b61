package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.kafka.consumer.GapException.Kind;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Whatever the transactions were, a reader gets the exact sequence, or is told of a gap. */
class SequencePropertyTest {

  private static final int RUNS = 1_000;

  /** Tells new records from repeats by the marks so far; moves the mark. */
  private interface Rule {
    boolean isNew(Map<SequenceId, Place> marks, RelayedRecord record);
  }

  private static final Rule OURS =
      (marks, record) -> {
        Watermarks watermarks = Watermarks.exact();
        marks.forEach(watermarks::moveTo);
        boolean isNew = watermarks.isNew(record);
        marks.putAll(watermarks.all());
        return isNew;
      };

  @Test
  void a_reader_that_leaves_nothing_out_gets_every_sequence_exactly_and_hears_of_no_gap() {
    long seed = seed();
    for (int run = 0; run < RUNS; run++) {
      checkWithoutTruncation(new Random(seed + run), OURS);
    }
  }

  @Test
  void a_reader_for_whom_something_is_deleted_gets_a_part_without_a_hole_or_hears_of_a_gap() {
    long seed = seed();
    int gaps = 0;
    for (int run = 0; run < RUNS; run++) {
      gaps += checkWithTruncation(new Random(seed + run), OURS) ? 1 : 0;
    }
    assertThat(gaps).as("gaps that were heard of").isBetween(RUNS / 10, RUNS);
  }

  @Test
  void when_something_is_withdrawn_nothing_else_is_lost_and_who_asks_hears_of_it_where_possible() {
    long seed = seed();
    int heard = 0;
    for (int run = 0; run < RUNS; run++) {
      assertThat(checkWithdrawn(new Random(seed + run), SequenceRules.exact())).isFalse();
      SequenceRules strict = SequenceRules.exact().refusingWithdrawn();
      heard += checkWithdrawn(new Random(seed + run), strict) ? 1 : 0;
    }
    assertThat(heard).isBetween(RUNS / 10, RUNS - 1);
  }

  @Test
  void rules_that_forget_something_are_found_out() {
    assertFoundOut("the index", Sloppy::withoutIndex);
    assertFoundOut("the lane", Sloppy::withoutLane);
    assertFoundOut("the series", Sloppy::withoutSeries);
    assertFoundOut("what came before", Sloppy::withoutPrevious);
    assertFoundOut("that repeats go back", Sloppy::lastInsteadOfLargest);
    assertFoundOut("that a repeat may be the first seen", Sloppy::withoutStart);
  }

  /** Rules like ours that lack one thing each. */
  private static final class Sloppy {

    static boolean withoutIndex(Map<SequenceId, Place> marks, RelayedRecord record) {
      Place seen = marks.getOrDefault(record.sequence(), Place.START);
      if (record.place().position().value() <= seen.position().value()) {
        return false;
      }
      marks.put(record.sequence(), record.place());
      return true;
    }

    static boolean withoutLane(Map<SequenceId, Place> marks, RelayedRecord record) {
      SequenceId id = record.sequence();
      return as(new SequenceId(id.relay(), 0, id.topic(), id.partition()), marks, record);
    }

    static boolean withoutSeries(Map<SequenceId, Place> marks, RelayedRecord record) {
      SequenceId id = record.sequence();
      String relay = id.relay().replaceFirst("~.*", "");
      return as(new SequenceId(relay, id.lane(), id.topic(), id.partition()), marks, record);
    }

    private static boolean as(
        SequenceId other, Map<SequenceId, Place> marks, RelayedRecord record) {
      boolean isNew = SequenceRules.exact().isNew(record, marks.getOrDefault(other, Place.START));
      if (isNew) {
        marks.put(other, record.place());
      }
      return isNew;
    }

    static boolean withoutPrevious(Map<SequenceId, Place> marks, RelayedRecord record) {
      if (!record.place().isAfter(marks.getOrDefault(record.sequence(), Place.START))) {
        return false;
      }
      marks.put(record.sequence(), record.place());
      return true;
    }

    static boolean lastInsteadOfLargest(Map<SequenceId, Place> marks, RelayedRecord record) {
      boolean isNew = OURS.isNew(marks, record);
      marks.put(record.sequence(), record.place());
      return isNew;
    }

    static boolean withoutStart(Map<SequenceId, Place> marks, RelayedRecord record) {
      if (!marks.containsKey(record.sequence())) {
        marks.put(record.sequence(), record.place());
        return true;
      }
      return OURS.isNew(marks, record);
    }
  }

  private static void assertFoundOut(String forgets, Rule rule) {
    assertThatThrownBy(
            () -> {
              for (int run = 0; run < RUNS; run++) {
                checkWithoutTruncation(new Random(run), rule);
                checkWithTruncation(new Random(run), rule);
              }
            })
        .as("a rule that forgets " + forgets)
        .isInstanceOfAny(AssertionError.class, GapException.class);
  }

  private static void checkWithoutTruncation(Random random, Rule rule) {
    SimulatedLog simulated = new SimulatedLog(random, random.nextInt(4));
    Reader reader = new Reader(simulated, random, rule);
    reader.readPage(0);
    assertThat(reader.taken).isEqualTo(simulated.exact);
  }

  /** Returns whether a gap was heard of. */
  private static boolean checkWithTruncation(Random random, Rule rule) {
    SimulatedLog simulated = new SimulatedLog(random, 0);
    Reader reader = new Reader(simulated, random, rule);
    reader.readSome(random.nextInt(simulated.log.size() + 1));
    int reached = reader.offset;
    int logStart = random.nextInt(simulated.log.size());
    boolean heard = false;
    try {
      reader.readPage(logStart);
    } catch (GapException e) {
      heard = true;
      assertThat(logStart).as("no gap without a reason").isGreaterThan(reached);
    }
    reader.taken.forEach(
        (sequence, places) ->
            assertThat(places)
                .as("a part of %s from its beginning", sequence)
                .isEqualTo(simulated.exact.get(sequence).subList(0, places.size())));
    if (!heard) {
      // What is gone and was not heard of is a sequence nothing of which comes any more.
      simulated.exact.forEach(
          (sequence, places) -> {
            List<Place> taken = reader.taken.getOrDefault(sequence, List.of());
            boolean comesStill =
                simulated.log.subList(logStart, simulated.log.size()).stream()
                    .map(record -> Records.DECODER.decode(record).orElseThrow())
                    .anyMatch(
                        record ->
                            record.sequence().equals(sequence)
                                && record.place().equals(places.get(places.size() - 1)));
            if (comesStill) {
              assertThat(taken).isEqualTo(places);
            }
          });
    }
    return heard;
  }

  /**
   * An aborted transaction had some records; then one of them is never sent. Returns whether that
   * was heard of.
   */
  private static boolean checkWithdrawn(Random random, SequenceRules rules) {
    int aborted = random.nextInt(1, 6);
    int skipped = random.nextInt(aborted);
    Watermarks marks = Watermarks.of(rules);
    Place previous = Place.START;
    for (int number = 0; number < aborted; number++) {
      Place place = Place.of(number + 1, 0);
      assertThat(marks.isNew(Records.event(place, previous).decoded())).isTrue();
      previous = place;
    }
    List<Integer> taken = new ArrayList<>();
    previous = Place.START;
    try {
      for (int number = 0; number < 8; number++) {
        Place place = Place.of(number + 1, 0);
        if (number != skipped) {
          if (marks.isNew(Records.event(place, previous).decoded())) {
            taken.add(number);
          }
          previous = place;
        }
      }
    } catch (GapException e) {
      assertThat(e.kind()).isEqualTo(Kind.WITHDRAWN);
      assertThat(taken).isEmpty();
      assertThat(skipped).as("only the last one seen shows").isEqualTo(aborted - 1);
      return true;
    }
    assertThat(taken).as("nothing else is lost").hasSize(8 - aborted);
    return false;
  }

  private static long seed() {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    return seed;
  }

  /** Reads with crashes: offsets are committed now and then, marks with the work. */
  private static final class Reader {

    private final SimulatedLog simulated;
    private final Random random;
    private final Rule rule;

    /** What was taken, and the marks: they commit together. */
    private final Map<SequenceId, List<Place>> taken = new HashMap<>();

    private final Map<SequenceId, Place> marks = new HashMap<>();
    private int committedOffset;
    private int offset;

    Reader(SimulatedLog simulated, Random random, Rule rule) {
      this.simulated = simulated;
      this.random = random;
      this.rule = rule;
    }

    void readPage(int logStart) {
      for (int life = 0; life < 5; life++) {
        offset = Math.max(logStart, random.nextInt(4) == 0 ? 0 : committedOffset);
        readSome(random.nextInt(simulated.log.size() + 1));
      }
      offset = Math.max(logStart, committedOffset);
      readSome(simulated.log.size());
    }

    void readSome(int most) {
      for (int read = 0; read < most && offset < simulated.log.size(); read++) {
        RelayedRecord record = Records.DECODER.decode(simulated.log.get(offset)).orElseThrow();
        if (random.nextInt(10) == 0) {
          // Rolled back: neither the work nor the mark is kept, and it is read again.
          rule.isNew(new HashMap<>(marks), record);
        }
        if (rule.isNew(marks, record)) {
          taken.computeIfAbsent(record.sequence(), key -> new ArrayList<>()).add(record.place());
        }
        offset++;
        if (random.nextInt(3) == 0) {
          committedOffset = offset;
        }
      }
      if (most > 0 && random.nextInt(5) == 0 && offset < simulated.log.size()) {
        // Ends between reading and committing.
        offset = committedOffset;
      }
    }
  }
}
