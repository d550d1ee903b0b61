package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.LedgerChecker.Folded;
import dev.pgeventstore.postgres.LedgerChecker.Handled;
import dev.pgeventstore.postgres.LedgerChecker.Logged;
import dev.pgeventstore.postgres.LedgerChecker.Parking;
import dev.pgeventstore.subscription.Partitions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A consistent ledger, and what the checker reports when one thing is changed. */
class LedgerCheckerTest {

  private static final int PARTITIONS = 2;
  private static final StreamId A = streamIn(0, 1);
  private static final StreamId B = streamIn(1, 1);
  private static final StreamId C = streamIn(0, 2);
  private static final StreamId D = streamIn(0, 3);
  private static final StreamId NOISE = StreamId.of("noise", "1");

  private static StreamId streamIn(int partition, int which) {
    return Stream.iterate(1, key -> key + 1)
        .map(key -> StreamId.of(Ledger.CATEGORY, key.toString()))
        .filter(stream -> Partitions.of(stream, PARTITIONS) == partition)
        .skip(which - 1)
        .findFirst()
        .orElseThrow();
  }

  /** The contents of the ledger, which each test changes. */
  private static final class Books {
    final List<Logged> log = new ArrayList<>();
    final List<Handled> handled = new ArrayList<>();
    final List<Folded> folds = new ArrayList<>();
    final List<Parking> parkings = new ArrayList<>();
    final Set<Long> parked = new HashSet<>();
    final Set<Long> discarded = new HashSet<>();
    int partitions = PARTITIONS;

    Books() {
      log(1, A, 1);
      log(2, B, 1);
      log(3, A, 2);
      log.add(new Logged(4, NOISE, 1, false, false));
      log.add(new Logged(5, C, 1, true, true));
      log(6, C, 2);
      log(7, A, 3);
      log(9, B, 2);
      log.add(new Logged(10, D, 1, true, true));
      log(11, D, 2);
      log.add(new Logged(12, B, 3, true, true));
      log(13, B, 4);
      log(14, A, 4);

      handle(1, A, 1, "one", false);
      handle(3, A, 2, "one", false);
      handle(2, B, 1, "two", false);
      handle(7, A, 3, "two", false);
      handle(9, B, 2, "two", false);
      handle(5, C, 1, "one", true);
      handle(14, A, 4, "one", false);
      handle(6, C, 2, "one", true);
      handle(13, B, 4, "one", true);

      fold(A, 1, 3, 7, 14);
      fold(B, 2, 9, 13);
      fold(C, 5, 6);

      parkings.add(new Parking(5, C, 3, "poison"));
      parkings.add(new Parking(6, C, 0, ""));
      parkings.add(new Parking(10, D, 3, "poison"));
      parkings.add(new Parking(11, D, 0, ""));
      parkings.add(new Parking(12, B, 3, "poison"));
      parkings.add(new Parking(13, B, 0, ""));
      parked.addAll(List.of(10L, 11L));
      discarded.add(12L);
    }

    void log(long position, StreamId stream, long version) {
      log.add(new Logged(position, stream, version, true, false));
    }

    void handle(long position, StreamId stream, long version, String node, boolean replayed) {
      handled.add(new Handled(position, stream, version, node, replayed));
    }

    void fold(StreamId stream, long... positions) {
      long fold = 0;
      for (long position : positions) {
        fold = Ledger.fold(fold, position);
      }
      folds.add(new Folded(stream, fold));
    }

    void refold(StreamId stream, long... positions) {
      folds.removeIf(folded -> folded.stream().equals(stream));
      fold(stream, positions);
    }

    Handled at(long position) {
      return handled.stream().filter(h -> h.position() == position).findFirst().orElseThrow();
    }

    void unhandle(long position) {
      handled.remove(at(position));
    }

    /** As if one had been written right after the other. */
    void handleAfter(long position, long after) {
      Handled late = at(position);
      handled.remove(late);
      handled.add(handled.indexOf(at(after)) + 1, late);
    }

    List<String> violations() {
      return new LedgerChecker(log, handled, folds, parkings, parked, discarded, partitions)
          .violations();
    }
  }

  @Test
  void a_consistent_ledger_is_accepted() {
    assertThat(new Books().violations()).isEmpty();
  }

  @Test
  void a_ledger_without_folds_is_accepted() {
    Books books = new Books();
    books.folds.clear();
    assertThat(books.violations()).isEmpty();
  }

  @Test
  void where_the_number_of_partitions_changed_only_streams_are_in_order() {
    Books books = new Books();
    books.partitions = 0;
    books.handle(20, StreamId.of(Ledger.CATEGORY, "new"), 1, "one", false);
    books.log(20, StreamId.of(Ledger.CATEGORY, "new"), 1);
    books.fold(StreamId.of(Ledger.CATEGORY, "new"), 20);
    books.handleAfter(20, 1);
    assertThat(books.violations()).isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("faults")
  void a_fault_is_detected(String name, Consumer<Books> fault, String says) {
    Books books = new Books();
    fault.accept(books);
    assertThat(books.violations()).anySatisfy(said -> assertThat(said).contains(says));
  }

  static Stream<Arguments> faults() {
    return Stream.of(
        fault("the last event is missing", b -> b.unhandle(14), "missing: Logged[position=14"),
        fault("the first event is missing", b -> b.unhandle(1), "missing: Logged[position=1,"),
        fault("a replayed event is missing", b -> b.unhandle(13), "missing: Logged[position=13"),
        fault("nothing was handled", b -> b.handled.clear(), "missing: Logged[position=1,"),
        fault("an event twice", b -> b.handle(14, A, 4, "two", false), "handled twice"),
        fault(
            "a replayed event was handled before", b -> b.handled.add(0, b.at(6)), "handled twice"),
        fault(
            "an event of nobody", b -> b.handle(15, A, 5, "one", false), "handled and not stored"),
        fault("noise", b -> b.handle(4, NOISE, 1, "one", false), "handled and not wanted"),
        fault(
            "under the wrong stream",
            b ->
                b.handled.replaceAll(
                    h -> h.position() == 14 ? new Handled(14, B, 4, "", false) : h),
            "handled as another one"),
        fault(
            "under the wrong version",
            b ->
                b.handled.replaceAll(
                    h -> h.position() == 14 ? new Handled(14, A, 5, "", false) : h),
            "handled as another one"),
        fault("a stream out of order", b -> b.handleAfter(3, 7), "order of a stream"),
        fault("a replay out of order", b -> b.handleAfter(5, 6), "order of a stream"),
        fault("a replay before its time", b -> b.handleAfter(13, 2), "order of a stream"),
        fault("a partition out of order", b -> b.handleAfter(2, 9), "order of a stream"),
        fault(
            "two streams of a partition out of order",
            b -> {
              b.log(15, C, 3);
              b.refold(C, 5, 6, 15);
              b.handle(15, C, 3, "one", false);
              b.handleAfter(14, 15);
            },
            "order of partition 0"),
        fault(
            "a later event of a parked stream was handled",
            b -> {
              b.parked.remove(11L);
              b.handle(11, D, 2, "one", false);
              b.fold(D, 11);
            },
            "version 1 of its stream is parked"),
        fault("parked and handled", b -> b.parked.add(14L), "handled and parked"),
        fault("discarded and handled", b -> b.discarded.add(14L), "handled and discarded"),
        fault("parked and discarded", b -> b.parked.add(12L), "parked and discarded: 12"),
        fault("parked and not stored", b -> b.parked.add(99L), "parked and not stored: 99"),
        fault("parked twice", b -> b.parkings.add(new Parking(5, C, 3, "poison")), "parked twice"),
        fault(
            "parked without a fault",
            b -> b.parkings.add(new Parking(14, A, 3, "duplicate key")),
            "parked without a fault of its own"),
        fault(
            "parked because of nobody",
            b -> b.parkings.add(new Parking(14, A, 0, "")),
            "parked because of one before it, of which there is none"),
        fault(
            "parked under another stream",
            b -> b.parkings.add(new Parking(14, B, 0, "")),
            "parked as another one"),
        fault(
            "parked and not wanted",
            b -> b.parkings.add(new Parking(4, NOISE, 3, "")),
            "parked and not wanted"),
        fault(
            "replayed and never parked",
            b ->
                b.handled.replaceAll(h -> h.position() == 14 ? new Handled(14, A, 4, "", true) : h),
            "replayed and never parked"),
        fault(
            "parked and handled by the way",
            b -> b.handled.replaceAll(h -> h.position() == 6 ? new Handled(6, C, 2, "", false) : h),
            "parked and handled, but not replayed"),
        fault(
            "discarded without having been parked",
            b -> {
              b.unhandle(14);
              b.refold(A, 1, 3, 7);
              b.discarded.add(14L);
            },
            "set aside without having been parked: 14"),
        fault("folded twice", b -> b.refold(A, 1, 3, 7, 14, 14), "the fold of " + A),
        fault("folded in another order", b -> b.refold(A, 1, 7, 3, 14), "the fold of " + A),
        fault("not folded", b -> b.refold(B, 2, 13), "the fold of " + B),
        fault("what is parked was folded", b -> b.fold(D, 10), "the fold of " + D + " is 10, not"),
        fault(
            "a stream is not folded",
            b -> b.folds.removeIf(f -> f.stream().equals(B)),
            "the fold of " + B + " is null"));
  }

  private static Arguments fault(String name, Consumer<Books> fault, String says) {
    return Arguments.of(name, fault, says);
  }
}
