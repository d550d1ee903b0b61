package dev.pgeventstore.postgres;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Condition;
import dev.pgeventstore.Conflict;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.AppendHistory.Call;
import dev.pgeventstore.postgres.AppendHistory.Stored;
import dev.pgeventstore.postgres.AppendHistory.Told;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Holds what callers were told against what is stored. It knows nothing of how appends are carried
 * out, so it serves for any store. All appends whose events are stored must have gone through the
 * history, with ids that no other append has, unless that other one is to be refused.
 */
final class AppendHistoryChecker {

  private static final long NEVER = Long.MAX_VALUE;

  private final List<Attempted> attempted;
  private final List<Stored> stored;
  private final Map<StreamId, Long> versions;

  private final Map<StreamId, List<Stored>> streams = new HashMap<>();
  private final Map<UUID, Stored> byId = new HashMap<>();
  private final Map<UUID, Attempted> writers = new HashMap<>();
  private final List<String> violations = new ArrayList<>();

  AppendHistoryChecker(List<Call> calls, List<Stored> stored, Map<StreamId, Long> versions) {
    this.attempted = attempted(calls);
    this.stored = stored.stream().sorted(Comparator.comparingLong(Stored::position)).toList();
    this.versions = versions;
  }

  /** An append, with all calls that tried it, in the order in which they began. */
  private static final class Attempted {
    final Append append;
    final List<Call> calls = new ArrayList<>();

    Attempted(Append append) {
      this.append = append;
    }

    boolean was(Told told) {
      return calls.stream().anyMatch(call -> call.told() == told);
    }

    List<Call> acknowledged() {
      return calls.stream().filter(call -> call.told() == Told.WRITTEN).toList();
    }

    /** Nothing of it was visible before. */
    long began() {
      return calls.stream()
          .filter(call -> call.told() == Told.WRITTEN || call.told() == Told.UNKNOWN)
          .mapToLong(Call::began)
          .min()
          .orElse(NEVER);
    }

    /** From then on all of it was visible. */
    long ended() {
      return acknowledged().stream().mapToLong(Call::ended).min().orElse(NEVER);
    }

    /** The outcome of each call, for messages. */
    List<String> story() {
      return calls.stream()
          .map(c -> "%d to %d %s %s".formatted(c.began(), c.ended(), c.told(), c.result()))
          .toList();
    }

    List<NewEvent> events() {
      return append.events().values().stream().flatMap(List::stream).toList();
    }

    @Override
    public String toString() {
      return append + " with " + events().get(0).id();
    }
  }

  private static List<Attempted> attempted(List<Call> calls) {
    Map<Append, Attempted> attempted = new IdentityHashMap<>();
    List<Attempted> inOrder = new ArrayList<>();
    calls.stream()
        .sorted(Comparator.comparingLong(Call::began))
        .forEach(
            call ->
                attempted
                    .computeIfAbsent(
                        call.append(),
                        append -> {
                          Attempted added = new Attempted(append);
                          inOrder.add(added);
                          return added;
                        })
                    .calls
                    .add(call));
    return inOrder;
  }

  /** All contradictions, as sentences; empty if there are none. */
  List<String> violations() {
    findWriters();
    checkStreams();
    for (Attempted append : attempted) {
      if (append.was(Told.WRITTEN)) {
        checkAnswers(append);
        checkWritten(append, append.acknowledged().get(0).result());
      } else if (append.was(Told.UNKNOWN) && isStored(append)) {
        checkWritten(append, null);
      }
      append.calls.stream()
          .filter(call -> call.told() == Told.CONFLICT)
          .forEach(call -> checkConflict(append, call));
    }
    checkThatOrderFollowsTime();
    checkOrderOfEachCaller();
    return violations;
  }

  private void violated(String message, Object... values) {
    violations.add(message.formatted(values));
  }

  /** An append with an unknown outcome may have the ids of another one. */
  private boolean isStored(Attempted append) {
    return append.events().stream()
        .anyMatch(event -> isStored(event) && writers.get(event.id()) == append);
  }

  private boolean isStored(NewEvent event) {
    return byId.containsKey(event.id());
  }

  private void findWriters() {
    for (Told told : List.of(Told.UNKNOWN, Told.WRITTEN)) {
      for (Attempted append : attempted) {
        if (append.was(told)) {
          append.events().forEach(event -> writers.put(event.id(), append));
        }
      }
    }
  }

  private void checkStreams() {
    Set<UUID> refused = new HashSet<>();
    attempted.forEach(append -> append.events().forEach(event -> refused.add(event.id())));
    long position = 0;
    for (Stored event : stored) {
      if (event.position() <= position) {
        violated("position %d is there twice", position);
      }
      position = event.position();
      List<Stored> stream = streams.computeIfAbsent(event.stream(), s -> new ArrayList<>());
      if (event.version() != stream.size() + 1) {
        violated(
            "version %d of %s is at position %d, where version %d was to be expected",
            event.version(), event.stream(), position, stream.size() + 1);
      }
      stream.add(event);
      if (byId.put(event.id(), event) != null) {
        violated("event %s is stored twice, in %s too", event.id(), event.stream());
      }
      if (!writers.containsKey(event.id())) {
        violated(
            refused.contains(event.id())
                ? "event %s of %s was refused and is stored"
                : "event %s of %s was appended by nobody",
            event.id(),
            event.stream());
      }
    }
    streams.forEach(
        (stream, events) -> {
          if (!Objects.equals(versions.get(stream), (long) events.size())) {
            violated(
                "%s has %d events and is at version %s",
                stream, events.size(), versions.get(stream));
          }
        });
    versions.forEach(
        (stream, version) -> {
          if (version != 0 && !streams.containsKey(stream)) {
            violated("%s has no events and is at version %d", stream, version);
          }
        });
  }

  private void checkAnswers(Attempted append) {
    List<Call> acknowledged = append.acknowledged();
    AppendResult first = acknowledged.get(0).result();
    long written = acknowledged.stream().filter(call -> !call.result().replayed()).count();
    if (written > 1) {
      violated("%s was answered %d times as not replayed", append, written);
    }
    if (written == 0 && !append.was(Told.UNKNOWN)) {
      violated("%s was answered as replayed, and was not written before", append);
    }
    for (Call call : acknowledged) {
      if (!call.result().versions().equals(first.versions())
          || !call.result().position().equals(first.position())) {
        violated("%s was answered with %s and with %s", append, first, call.result());
      }
    }
    for (Call call : append.calls) {
      if ((call.told() == Told.CONFLICT || call.told() == Told.REUSED)
          && call.began() > append.ended()) {
        violated("%s was written, and a retry was answered with %s", append, call.told());
      }
    }
  }

  /** Where it was written, by its answer or, where that is unknown, by what is stored. */
  private void checkWritten(Attempted append, @Nullable AppendResult result) {
    long first = NEVER;
    long position = 0;
    for (Map.Entry<StreamId, List<NewEvent>> entry : append.append.events().entrySet()) {
      StreamId stream = entry.getKey();
      List<NewEvent> events = entry.getValue();
      Long last = result != null ? result.versions().get(stream) : storedVersion(stream, events);
      if (last == null) {
        violated("%s was written, but not to %s", append, stream);
        return;
      }
      long base = last - events.size();
      if (!expected(append.append, stream).isMetBy(base)) {
        violated(
            "%s expected %s of %s and was written at version %d",
            append, expected(append.append, stream), stream, base);
      }
      for (int i = 0; i < events.size(); i++) {
        Stored event = at(stream, base + i + 1);
        if (event == null || !isSame(events.get(i), event)) {
          violated(
              "%s is not at version %d of %s, where %s is; told were %s",
              append, base + i + 1, stream, event, append.story());
          return;
        }
        if (event.position() <= position) {
          violated("%s has position %d after %d", append, event.position(), position);
        }
        position = event.position();
        first = Math.min(first, position);
      }
    }
    if (result != null) {
      if (result.position().value() != position) {
        violated("%s is at position %d, not as answered: %s", append, position, result);
      }
      if (!result.versions().keySet().equals(append.append.events().keySet())) {
        violated("%s was answered with other streams: %s", append, result);
      }
    }
    checkChecks(append, first, position);
  }

  private @Nullable Long storedVersion(StreamId stream, List<NewEvent> events) {
    Stored last = byId.get(events.get(events.size() - 1).id());
    return last == null || !last.stream().equals(stream) ? null : (Long) last.version();
  }

  private @Nullable Stored at(StreamId stream, long version) {
    List<Stored> events = streams.getOrDefault(stream, List.of());
    return version < 1 || version > events.size() ? null : events.get((int) version - 1);
  }

  private static boolean isSame(NewEvent event, Stored stored) {
    EncodedEvent content = (EncodedEvent) event.payload();
    return stored.id().equals(event.id())
        && stored.type().equals(content.type())
        && stored.data().equals(content.data());
  }

  /** What was checked holds at the append's place in the global order. */
  private void checkChecks(Attempted append, long first, long last) {
    for (Condition condition : append.append.conditions()) {
      Condition.StreamVersion check = (Condition.StreamVersion) condition;
      if (append.append.events().containsKey(check.stream())) {
        continue;
      }
      long before = versionAt(check.stream(), first);
      long after = versionAt(check.stream(), last);
      if (before != after || !check.expected().isMetBy(before)) {
        violated(
            "%s, at positions %d to %d, checked that %s is at %s: there it is at %d, then at %d",
            append, first, last, check.stream(), check.expected(), before, after);
      }
    }
  }

  private long versionAt(StreamId stream, long position) {
    return streams.getOrDefault(stream, List.of()).stream()
        .filter(event -> event.position() < position)
        .count();
  }

  private static ExpectedVersion expected(Append append, StreamId stream) {
    return append.conditions().stream()
        .map(Condition.StreamVersion.class::cast)
        .filter(condition -> condition.stream().equals(stream))
        .findFirst()
        .orElseThrow()
        .expected();
  }

  private void checkConflict(Attempted append, Call call) {
    Set<StreamId> conflicting = new HashSet<>();
    for (Conflict each : call.conflict().conflicts()) {
      Conflict.StreamVersion conflict = (Conflict.StreamVersion) each;
      conflicting.add(conflict.stream());
      if (append.append.conditions().stream()
          .noneMatch(
              condition ->
                  condition instanceof Condition.StreamVersion version
                      && version.stream().equals(conflict.stream())
                      && version.expected().equals(conflict.expected()))) {
        violated("%s has no such condition: %s", append, conflict);
      }
      if (conflict.expected().isMetBy(conflict.actual())) {
        violated("%s got a conflict that is none: %s", append, conflict);
      }
      String never = wasNever(conflict.stream(), conflict.actual(), call);
      if (never != null) {
        violated("%s was told that %s: %s", append, conflict, never);
      }
    }
    if (conflicting.isEmpty()) {
      violated("%s got a conflict that names no stream", append);
    }
    for (Condition condition : append.append.conditions()) {
      Condition.StreamVersion met = (Condition.StreamVersion) condition;
      Long version = onlyVersion(met.expected());
      if (version != null && !conflicting.contains(met.stream())) {
        String never = wasNever(met.stream(), version, call);
        if (never != null) {
          violated("%s has a conflict that was not told: %s, %s", append, met, never);
        }
      }
    }
  }

  /** The one version that meets an expectation, if there is only one. */
  private static @Nullable Long onlyVersion(ExpectedVersion expected) {
    OptionalLong only = expected.onlyVersion();
    return only.isPresent() ? (Long) only.getAsLong() : null;
  }

  /** Why a stream was never seen at a version between a call and its answer; null if it was. */
  private @Nullable String wasNever(StreamId stream, long version, Call call) {
    if (call.own().contains(stream)) {
      return null; // What only the transaction itself has seen.
    }
    Attempted next = writer(stream, version + 1);
    if (version > 0) {
      Attempted writer = writer(stream, version);
      if (writer == null) {
        return "it never was";
      }
      if (writer == next) {
        return "no append ends there";
      }
      if (writer.began() > call.ended()) {
        return "it was not yet";
      }
    }
    return next != null && next.ended() < call.began() ? "it was no more" : null;
  }

  private @Nullable Attempted writer(StreamId stream, long version) {
    Stored event = at(stream, version);
    return event == null ? null : writers.get(event.id());
  }

  /** An append that began after another one had its response is stored after it. */
  private void checkThatOrderFollowsTime() {
    TreeMap<Long, Runnable> moments = new TreeMap<>();
    long[] reached = {0};
    for (Attempted append : attempted) {
      if (append.events().stream().anyMatch(event -> !isStored(event))
          || !append.was(Told.WRITTEN)) {
        continue;
      }
      long first =
          append.events().stream().mapToLong(e -> byId.get(e.id()).position()).min().orElseThrow();
      long last =
          append.events().stream().mapToLong(e -> byId.get(e.id()).position()).max().orElseThrow();
      moments.put(
          append.began(),
          () -> {
            if (first <= reached[0]) {
              violated(
                  "%s is at position %d, and began when %d was answered",
                  append, first, reached[0]);
            }
          });
      moments.merge(
          append.ended(),
          () -> reached[0] = Math.max(reached[0], last),
          // Appends of one transaction end together.
          (a, b) ->
              () -> {
                a.run();
                b.run();
              });
    }
    moments.values().forEach(Runnable::run);
  }

  /** What one caller appended without waiting is carried out in order, stream by stream. */
  private void checkOrderOfEachCaller() {
    Map<String, Map<StreamId, Long>> reached = new HashMap<>();
    attempted.stream()
        .flatMap(append -> append.calls.stream())
        .filter(call -> call.caller() != null)
        .sorted(Comparator.comparingLong(Call::began))
        .forEach(
            call -> {
              Map<StreamId, Long> mine =
                  reached.computeIfAbsent(call.caller(), c -> new HashMap<>());
              seen(call)
                  .forEach(
                      (stream, version) -> {
                        if (version < mine.getOrDefault(stream, 0L)) {
                          violated(
                              "%s of %s found %s at version %d, after one before it had reached %d",
                              call.append(), call.caller(), stream, version, mine.get(stream));
                        }
                      });
              if (call.told() == Told.WRITTEN && !call.result().replayed()) {
                call.result().versions().forEach((s, v) -> mine.merge(s, v, Math::max));
              }
            });
  }

  /** The versions that a call has found. */
  private static Map<StreamId, Long> seen(Call call) {
    Map<StreamId, Long> seen = new HashMap<>();
    if (call.told() == Told.WRITTEN && !call.result().replayed()) {
      call.result()
          .versions()
          .forEach(
              (s, v) -> seen.put(s, v - call.append().events().getOrDefault(s, List.of()).size()));
    } else if (call.told() == Told.CONFLICT) {
      for (Conflict conflict : call.conflict().conflicts()) {
        Conflict.StreamVersion found = (Conflict.StreamVersion) conflict;
        seen.put(found.stream(), found.actual());
      }
    }
    return seen;
  }
}
