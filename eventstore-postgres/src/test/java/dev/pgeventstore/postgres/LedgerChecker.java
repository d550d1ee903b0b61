package dev.pgeventstore.postgres;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.Partitions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Holds what a subscription has made of the log against the log: everything wanted was handled
 * once, in order in each stream and each partition, and nothing else; what was parked had a reason,
 * and came back in its place. Every violation is told, in words.
 */
final class LedgerChecker {

  /**
   * An event of the log.
   *
   * @param wanted by the subscription
   * @param poisonous whether it may be parked for its own sake
   */
  record Logged(long position, StreamId stream, long version, boolean wanted, boolean poisonous) {}

  /** A row of the read model, in the order in which they were written. */
  record Handled(long position, StreamId stream, long version, String node, boolean replayed) {}

  /** The fold of a stream, as the read model has it. */
  record Folded(StreamId stream, long fold) {}

  /**
   * That an event was parked, once upon a time.
   *
   * @param attempts 0 if because of one before it
   */
  record Parking(long position, StreamId stream, int attempts, String error) {}

  private final List<Logged> log;
  private final List<Handled> handled;
  private final List<Folded> folds;
  private final List<Parking> parkings;
  private final Set<Long> parked;
  private final Set<Long> discarded;
  private final int partitions;
  private final Map<Long, Logged> events = new TreeMap<>();
  private final List<String> violations = new ArrayList<>();

  /**
   * A checker.
   *
   * @param log in position order
   * @param handled in the order of writing
   * @param folds of all streams; none at all if nothing is folded
   * @param parkings that ever were
   * @param parked positions of what is parked now
   * @param discarded positions of what was given up
   * @param partitions in each of which the order was kept; 0 if their number changed
   */
  LedgerChecker(
      List<Logged> log,
      List<Handled> handled,
      List<Folded> folds,
      List<Parking> parkings,
      Set<Long> parked,
      Set<Long> discarded,
      int partitions) {
    this.log = log;
    this.handled = handled;
    this.folds = folds;
    this.parkings = parkings;
    this.parked = parked;
    this.discarded = discarded;
    this.partitions = partitions;
    log.forEach(event -> events.put(event.position(), event));
  }

  List<String> violations() {
    violations.clear();
    checkThatAllIsThereOnce();
    checkOrderOfStreams();
    checkOrderOfPartitions();
    checkParkings();
    checkFolds();
    return List.copyOf(violations);
  }

  private void violation(String format, Object... arguments) {
    violations.add(format.formatted(arguments));
  }

  private void checkThatAllIsThereOnce() {
    Map<Long, Handled> seen = new HashMap<>();
    for (Handled row : handled) {
      Handled before = seen.put(row.position(), row);
      if (before != null) {
        violation("handled twice: %s and %s", before, row);
      }
      Logged event = events.get(row.position());
      if (event == null) {
        violation("handled and not stored: %s", row);
      } else {
        if (!event.wanted()) {
          violation("handled and not wanted: %s", row);
        }
        if (!event.stream().equals(row.stream()) || event.version() != row.version()) {
          violation("handled as another one: %s is %s", row, event);
        }
      }
      if (parked.contains(row.position())) {
        violation("handled and parked: %s", row);
      }
      if (discarded.contains(row.position())) {
        violation("handled and discarded: %s", row);
      }
    }
    for (Logged event : log) {
      boolean setAside = parked.contains(event.position()) || discarded.contains(event.position());
      if (event.wanted() && !setAside && !seen.containsKey(event.position())) {
        violation("missing: %s", event);
      }
    }
    for (long position : parked) {
      if (discarded.contains(position)) {
        violation("parked and discarded: %d", position);
      }
    }
  }

  private void checkOrderOfStreams() {
    Map<StreamId, Handled> last = new HashMap<>();
    Map<StreamId, Long> firstParked = new HashMap<>();
    for (long position : parked) {
      Logged event = events.get(position);
      if (event == null) {
        violation("parked and not stored: %d", position);
      } else {
        firstParked.merge(event.stream(), event.version(), Math::min);
      }
    }
    for (Handled row : handled) {
      Handled before = last.put(row.stream(), row);
      if (before != null && before.version() >= row.version()) {
        violation("order of a stream: %s after %s", row, before);
      }
      Long waiting = firstParked.get(row.stream());
      if (waiting != null && waiting < row.version()) {
        violation("version %d of its stream is parked, and handled was %s", waiting, row);
      }
    }
  }

  private void checkOrderOfPartitions() {
    if (partitions == 0) {
      return;
    }
    Map<Integer, Handled> last = new HashMap<>();
    for (Handled row : handled) {
      if (row.replayed()) {
        continue;
      }
      int partition = Partitions.of(row.stream(), partitions);
      Handled before = last.put(partition, row);
      if (before != null && before.position() >= row.position()) {
        violation("order of partition %d: %s after %s", partition, row, before);
      }
    }
  }

  private void checkParkings() {
    Set<Long> ever = new HashSet<>();
    Map<StreamId, Long> first = new HashMap<>();
    for (Parking parking : parkings) {
      first.merge(parking.stream(), parking.position(), Math::min);
    }
    for (Parking parking : parkings) {
      if (!ever.add(parking.position())) {
        violation("parked twice: %s", parking);
      }
      Logged event = events.get(parking.position());
      if (event == null || !event.stream().equals(parking.stream())) {
        violation("parked as another one: %s is %s", parking, event);
      } else if (!event.wanted()) {
        violation("parked and not wanted: %s", parking);
      } else if (parking.attempts() > 0 && !event.poisonous()) {
        violation("parked without a fault of its own: %s", parking);
      } else if (parking.attempts() == 0 && first.get(parking.stream()) == parking.position()) {
        violation("parked because of one before it, of which there is none: %s", parking);
      }
    }
    for (Handled row : handled) {
      if (row.replayed() && !ever.contains(row.position())) {
        violation("replayed and never parked: %s", row);
      }
      if (!row.replayed() && ever.contains(row.position())) {
        violation("parked and handled, but not replayed: %s", row);
      }
    }
    for (Set<Long> positions : List.of(parked, discarded)) {
      for (long position : positions) {
        if (!ever.contains(position)) {
          violation("set aside without having been parked: %d", position);
        }
      }
    }
  }

  private void checkFolds() {
    if (folds.isEmpty() && handled.isEmpty()) {
      return;
    }
    Map<StreamId, Long> expected = new HashMap<>();
    for (Logged event : log) {
      if (event.wanted()
          && !parked.contains(event.position())
          && !discarded.contains(event.position())) {
        expected.merge(
            event.stream(),
            Ledger.fold(0, event.position()),
            (fold, alone) -> Ledger.fold(fold, event.position()));
      }
    }
    Map<StreamId, Long> actual = new HashMap<>();
    folds.forEach(folded -> actual.put(folded.stream(), folded.fold()));
    if (!actual.isEmpty() && !actual.equals(expected)) {
      for (StreamId stream : union(expected.keySet(), actual.keySet())) {
        Long is = actual.get(stream);
        Long shouldBe = expected.get(stream);
        if (is == null || !is.equals(shouldBe)) {
          violation("the fold of %s is %s, not %s", stream, is, shouldBe);
        }
      }
    }
  }

  private static Set<StreamId> union(Set<StreamId> some, Set<StreamId> others) {
    Set<StreamId> all = new HashSet<>(some);
    all.addAll(others);
    return all;
  }
}
