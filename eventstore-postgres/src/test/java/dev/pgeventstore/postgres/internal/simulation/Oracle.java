package dev.pgeventstore.postgres.internal.simulation;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.simulation.Plan.Query;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Checkpoint;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Event;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Key;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Row;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Table;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Transaction;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * Knows what must hold, and ends the run when it does not.
 *
 * <ul>
 *   <li>A transaction that moves a checkpoint has written exactly the events that the subscription
 *       wants between the old place and the new one, in order: to the view, or where they are
 *       parked.
 *   <li>No event becomes visible at a position that a checkpoint has passed, or that a client was
 *       given for durable.
 *   <li>What a client is given is the log.
 *   <li>An event that was waited for is in the view.
 * </ul>
 */
final class Oracle implements SimulatedPostgres.Watcher {

  private final SimulatedPostgres postgres;
  private final SimulatedScheduler scheduler;

  /** The highest position that any client was told is settled, in the history that is now. */
  private long handedOut;

  private int failovers;

  /** Until which step the view of a subscription had an event that a failover took out. */
  private final Map<Applied, Long> applied = new HashMap<>();

  private record Applied(String subscription, UUID event) {}

  Oracle(SimulatedPostgres postgres) {
    this.postgres = postgres;
    this.scheduler = postgres.scheduler();
  }

  private RuntimeException fail(String message, Object... facts) {
    return scheduler.fail(new AssertionError(message.formatted(facts)));
  }

  /** What a subscription is declared with, as its rows say. */
  Query declared(String name) {
    return subscriptions().getOrDefault(name, Query.ALL);
  }

  /** Those that there are. */
  Map<String, Query> subscriptions() {
    Map<String, Query> found = new LinkedHashMap<>();
    for (Table<Key, Checkpoint>.Cell cell : postgres.subscriptions.all()) {
      if (cell.committed != null) {
        found.put(cell.key.name(), query(cell.committed));
      }
    }
    return found;
  }

  private static Query query(Checkpoint row) {
    return Arrays.stream(Query.values())
        .filter(query -> query.query.canonicalText().equals(row.query))
        .findFirst()
        .orElseThrow();
  }

  int failovers() {
    return failovers;
  }

  // What commits.

  @Override
  public void committing(Transaction transaction) {
    for (Table<Long, Event>.Cell event : transaction.writtenTo(postgres.events)) {
      requireUnpassed(event.key);
    }
    Map<String, List<Event>> shown = new HashMap<>();
    for (Table<Long, Row>.Cell row : transaction.writtenTo(postgres.view)) {
      Row added = row.pending();
      shown.computeIfAbsent(added.subscription(), s -> new ArrayList<>()).add(added.event());
      requireNotParked(added);
      applied.put(new Applied(added.subscription(), added.event().id()), null);
    }
    shown.forEach(this::requireRising);
    for (Table<Key, Event>.Cell row : transaction.writtenTo(postgres.parkedEvents)) {
      shown.computeIfAbsent(row.key.name(), s -> new ArrayList<>()).add(row.pending());
    }
    Map<String, List<Event>> expected = new HashMap<>();
    for (Table<Key, Checkpoint>.Cell cell : transaction.writtenTo(postgres.subscriptions)) {
      expected
          .computeIfAbsent(cell.key.name(), name -> new ArrayList<>())
          .addAll(passed(cell, cell.committed, cell.pending()));
    }
    for (String name : shown.keySet()) {
      expected.putIfAbsent(name, List.of());
    }
    expected.forEach(
        (name, wanted) -> compare(name, wanted, shown.getOrDefault(name, new ArrayList<>())));
  }

  private void requireUnpassed(long position) {
    if (position <= handedOut) {
      throw fail("position %d becomes visible, but clients have %d", position, handedOut);
    }
    for (Table<Key, Checkpoint>.Cell cell : postgres.subscriptions.all()) {
      if (cell.committed != null && cell.committed.position >= position) {
        throw fail("position %d becomes visible, but %s: %s", position, cell, cell.committed);
      }
    }
  }

  private void requireNotParked(Row row) {
    Key stream = new Key(row.subscription(), row.event().stream());
    if (postgres.parkedStreams.cell(stream).committed != null) {
      throw fail("%s is handled in %s though its stream is parked", row.event(), stream);
    }
  }

  /** The events between two places of a partition. */
  private List<Event> passed(
      Table<Key, Checkpoint>.Cell cell, Checkpoint before, Checkpoint after) {
    if (before == null || after == null || before.position == after.position) {
      return List.of();
    }
    if (after.position < before.position) {
      throw fail("%s goes back from %s to %s", cell, before, after);
    }
    if (after.partitions != before.partitions) {
      throw fail("%s is divided anew at another place: %s, then %s", cell, before, after);
    }
    Query query = query(before);
    return postgres.committed(before.position, after.position).stream()
        .filter(query.wants)
        .filter(e -> of(e, before.partitions) == cell.key.number())
        .toList();
  }

  private static int of(Event event, int partitions) {
    return Partitions.of(StreamId.parse(event.stream()), partitions);
  }

  private void requireRising(String name, List<Event> shown) {
    for (int i = 1; i < shown.size(); i++) {
      if (shown.get(i).position() <= shown.get(i - 1).position()) {
        throw fail("%s applies %s", name, shown);
      }
    }
  }

  private void compare(String name, List<Event> wanted, List<Event> shown) {
    shown.sort(Comparator.comparing(Event::position));
    if (!ids(wanted).equals(ids(shown))) {
      throw fail("%s passes %s and applies %s", name, wanted, shown);
    }
  }

  private static List<String> ids(List<Event> events) {
    return events.stream().map(e -> e.position() + " " + e.id()).toList();
  }

  @Override
  public void restarted(boolean isFailover) {
    Set<Applied> left = new HashSet<>();
    for (Table<Long, Row>.Cell cell : postgres.view.all()) {
      if (cell.committed != null) {
        left.add(new Applied(cell.committed.subscription(), cell.committed.event().id()));
      }
    }
    applied.replaceAll(
        (event, until) ->
            until == null && !left.contains(event) ? (Long) scheduler.steps() : until);
    if (isFailover) {
      failovers++;
      // Also what was committed at a lower position may be prepared again.
      handedOut = 0;
    }
  }

  // What is handed out.

  /** What a handler is given. */
  void handling(String name, List<RecordedEvent> events) {
    long last = 0;
    for (RecordedEvent event : events) {
      if (event.position().value() <= last) {
        throw fail("%s is given %s behind position %d", name, event, last);
      }
      last = event.position().value();
    }
  }

  /**
   * What a client is given.
   *
   * @param failoversBefore how many there had been when the client began to ask
   */
  void handed(String to, Query query, long after, EventPage page, int failoversBefore) {
    if (failovers != failoversBefore) {
      return;
    }
    long upTo = page.upTo().value();
    List<Event> expected = postgres.committed(after, upTo).stream().filter(query.wants).toList();
    List<String> given =
        page.events().stream().map(e -> e.position().value() + " " + e.id()).toList();
    if (!ids(expected).equals(given)) {
      throw fail(
          "%s is given %s behind %d up to %d, but the log has %s",
          to,
          page.events().stream().map(e -> e.position().value()).toList(),
          after,
          upTo,
          expected);
    }
    handedOut = Math.max(handedOut, Math.max(upTo, page.highWaterMark().value()));
  }

  /** An event that was waited for since a step. */
  void awaited(String name, Event event, long since) {
    Applied wanted = new Applied(name, event.id());
    Long until = applied.get(wanted);
    if (!applied.containsKey(wanted) || (until != null && until < since)) {
      throw fail("%s has applied %s, its caller is told, but it has not", name, event);
    }
  }

  /** Whether the server does not have an event any more. */
  boolean isLost(Event event) {
    return postgres.committed(event.position() - 1, event.position()).stream()
        .noneMatch(there -> there.id().equals(event.id()));
  }

  // The end.

  /** Whether everything has arrived everywhere. */
  boolean allHasArrived() {
    return stragglers().isEmpty();
  }

  /** Whether an error has stopped a subscription. */
  boolean isStopped(SubscriptionSpec spec) {
    return postgres.subscriptions.all().stream()
        .filter(cell -> cell.key.name().equals(spec.name()))
        .anyMatch(cell -> cell.committed != null && cell.committed.isStopped);
  }

  /** What stands behind. */
  List<String> stragglers() {
    List<Event> log = postgres.committed(0L, Long.MAX_VALUE);
    long last = log.isEmpty() ? 0 : log.get(log.size() - 1).position();
    List<String> behind = new ArrayList<>();
    for (Table<Key, Checkpoint>.Cell cell : postgres.subscriptions.all()) {
      Checkpoint row = cell.committed;
      if (row != null) {
        if (row.position < last || row.isStopped || row.nextPartitions != null) {
          behind.add(cell + ": " + row + " of a log up to " + last);
        }
      }
    }
    return behind;
  }

  /** The views are what the log says. */
  void requireViewsAreTheLog() {
    for (Map.Entry<String, Query> view : subscriptions().entrySet()) {
      String name = view.getKey();
      Set<String> wanted =
          new HashSet<>(
              ids(
                  postgres.committed(0L, Long.MAX_VALUE).stream()
                      .filter(view.getValue().wants)
                      .toList()));
      Map<String, Long> versions = new HashMap<>();
      List<Event> rows = new ArrayList<>();
      for (Table<Long, Row>.Cell cell : postgres.view.all()) {
        if (cell.committed != null && cell.committed.subscription().equals(name)) {
          rows.add(cell.committed.event());
        }
      }
      for (Event event : rows) {
        if (versions.merge(event.stream(), event.version(), Math::max) > event.version()) {
          throw fail("%s has applied %s out of order", name, event);
        }
      }
      for (Table<Key, Event>.Cell cell : postgres.parkedEvents.all()) {
        if (cell.committed != null && cell.key.name().equals(name)) {
          rows.add(cell.committed);
        }
      }
      for (String id : ids(rows)) {
        if (!wanted.remove(id)) {
          throw fail("%s has applied %s twice, or what is not in the log", name, id);
        }
      }
      if (!wanted.isEmpty()) {
        throw fail("%s has not applied %s", name, wanted);
      }
    }
  }
}
