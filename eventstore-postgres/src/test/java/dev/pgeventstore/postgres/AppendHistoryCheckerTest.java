package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static dev.pgeventstore.ExpectedVersion.exactly;
import static dev.pgeventstore.ExpectedVersion.noStream;
import static dev.pgeventstore.ExpectedVersion.streamExists;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Conflict;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.AppendHistory.Call;
import dev.pgeventstore.postgres.AppendHistory.Stored;
import dev.pgeventstore.postgres.AppendHistory.Told;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A consistent history, and what the checker reports when one thing is changed. */
class AppendHistoryCheckerTest {

  private static final StreamId A = StreamId.of("stream", "a");
  private static final StreamId B = StreamId.of("stream", "b");
  private static final StreamId C = StreamId.of("stream", "c");
  private static final StreamId D = StreamId.of("stream", "d");

  /** The reported outcomes and the stored events, which each test changes. */
  private static final class History {
    final Append start = Append.to(A, noStream(), events(2));
    final Append two =
        Append.to(A, exactly(2), events(1)).and(B, any(), events(2)).check(C, noStream());
    final Append late = Append.to(A, exactly(2), events(1)).check(B, exactly(2));
    final Append lost = Append.to(B, any(), events(1));
    final Append undone = Append.to(A, any(), events(1));
    final Append bad = Append.to(A, any(), events(1));
    final Append never = Append.to(A, any(), events(1));
    final Append first = Append.to(C, any(), events(2));
    final Append second = Append.to(C, streamExists(), events(1));
    final Append third = Append.to(C, exactly(7), events(1));
    final Append vanished = Append.to(D, noStream(), events(2));

    final List<Call> calls = new ArrayList<>();
    final List<Stored> stored = new ArrayList<>();
    final Map<StreamId, Long> versions = new HashMap<>(Map.of(A, 3L, B, 3L, C, 3L, D, 2L));

    History() {
      told(start, null, 1, 2, written(2, false, Map.of(A, 2L)));
      store(start, A, 1, 1, 2);
      told(two, null, 3, 6, written(5, false, Map.of(A, 3L, B, 2L)));
      store(two, A, 3, 3);
      store(two, B, 1, 4, 5);
      conflict(late, 4, 7, Conflict.StreamVersion.of(A, exactly(2), 3));
      told(start, null, 8, 9, written(2, true, Map.of(A, 2L)));
      told(lost, null, 10, 11, Told.UNKNOWN);
      told(lost, null, 12, 13, written(7, true, Map.of(B, 3L)));
      store(lost, B, 3, 7);
      told(undone, null, 14, 15, Told.ROLLED_BACK);
      told(bad, null, 16, 17, Told.REFUSED);
      told(never, null, 18, 19, Told.UNKNOWN);
      told(first, "ann", 20, 23, written(10, false, Map.of(C, 2L)));
      store(first, C, 1, 9, 10);
      told(second, "ann", 21, 24, written(11, false, Map.of(C, 3L)));
      store(second, C, 3, 11);
      calls.add(call(third, "ann", 22, 25, Told.CONFLICT, null, conflict(third, C, exactly(7), 3)));
      told(vanished, null, 26, 27, Told.UNKNOWN);
      store(vanished, D, 1, 12, 13);
      Append reused =
          Append.to(
              A,
              any(),
              start.events().get(A).stream()
                  .map(e -> NewEvent.of(EncodedEvent.of("o", 1, "{}")).withId(e.id()))
                  .toList());
      told(reused, null, 40, 41, Told.UNKNOWN);
      told(reused, null, 42, 43, Told.REUSED);
    }

    private static List<NewEvent> events(int count) {
      return Stream.generate(UUID::randomUUID)
          .limit(count)
          .map(id -> NewEvent.of(EncodedEvent.of("t", 1, "{\"n\":\"" + id + "\"}")).withId(id))
          .toList();
    }

    static AppendResult written(long position, boolean replayed, Map<StreamId, Long> versions) {
      return AppendResult.of(Position.of(position), versions, replayed);
    }

    private static ConflictException conflict(
        Append append, StreamId stream, ExpectedVersion expected, long actual) {
      return new ConflictException(List.of(Conflict.StreamVersion.of(stream, expected, actual)));
    }

    void told(Append append, @Nullable String caller, long began, long ended, AppendResult result) {
      calls.add(call(append, caller, began, ended, Told.WRITTEN, result, null));
    }

    void told(Append append, @Nullable String caller, long began, long ended, Told told) {
      calls.add(call(append, caller, began, ended, told, null, null));
    }

    void conflict(Append append, long began, long ended, Conflict... conflicts) {
      calls.add(
          call(
              append,
              null,
              began,
              ended,
              Told.CONFLICT,
              null,
              new ConflictException(List.of(conflicts))));
    }

    private static Call call(
        Append append,
        @Nullable String caller,
        long began,
        long ended,
        Told told,
        @Nullable AppendResult result,
        @Nullable ConflictException conflict) {
      return new Call(append, caller, began, ended, told, result, conflict, Set.of());
    }

    /** Stores the events for a stream, the first at a version, at the given positions. */
    void store(Append append, StreamId stream, long version, long... positions) {
      List<NewEvent> events = append.events().get(stream);
      for (int i = 0; i < positions.length; i++) {
        NewEvent event = events.get(i);
        stored.add(
            new Stored(
                positions[i],
                stream,
                version + i,
                event.id(),
                "t",
                ((EncodedEvent) event.payload()).data()));
      }
    }

    int indexOf(long position) {
      return stored.stream().map(Stored::position).toList().indexOf(position);
    }

    Stored at(long position) {
      return stored.get(indexOf(position));
    }

    void remove(long position) {
      stored.remove(indexOf(position));
    }

    void moveTo(long from, long to) {
      Stored e = at(from);
      stored.set(
          indexOf(from), new Stored(to, e.stream(), e.version(), e.id(), e.type(), e.data()));
    }

    void exchange(long one, long other) {
      moveTo(one, 1_000);
      moveTo(other, one);
      moveTo(1_000, other);
    }

    void retell(Append append, Told told, AppendResult result) {
      calls.replaceAll(
          call ->
              call.append() == append && call.told() == told
                  ? call(append, call.caller(), call.began(), call.ended(), told, result, null)
                  : call);
    }

    void retellConflict(Append append, Conflict... conflicts) {
      Call old = calls.stream().filter(call -> call.append() == append).findFirst().orElseThrow();
      calls.remove(old);
      calls.add(
          call(
              append,
              old.caller(),
              old.began(),
              old.ended(),
              Told.CONFLICT,
              null,
              new ConflictException(List.of(conflicts))));
    }

    List<String> violations() {
      return new AppendHistoryChecker(calls, stored, versions).violations();
    }
  }

  @Test
  void a_consistent_history_is_accepted() {
    assertThat(new History().violations()).isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("faults")
  void a_fault_is_detected(String name, Consumer<History> fault, String says) {
    History history = new History();
    fault.accept(history);
    assertThat(history.violations()).anySatisfy(said -> assertThat(said).contains(says));
  }

  static Stream<Arguments> faults() {
    return Stream.of(
        fault("the last event is lost", h -> h.remove(7), "is not at version 3 of stream-b"),
        fault("an event in between is lost", h -> h.remove(1), "version 1 was to be expected"),
        fault("an event is stored twice", h -> h.store(h.lost, B, 4, 14), "is stored twice"),
        fault("two have one position", h -> h.moveTo(7, 5), "position 5 is there twice"),
        fault(
            "positions of a stream against versions",
            h -> h.exchange(1, 2),
            "version 2 of stream-a is at position 1"),
        fault(
            "positions of an append against its order",
            h -> h.exchange(3, 4),
            "has position 3 after 4"),
        fault(
            "other data",
            h -> {
              Stored e = h.at(7);
              h.stored.set(
                  h.indexOf(7),
                  new Stored(7, e.stream(), e.version(), e.id(), e.type(), "{\"n\":0}"));
            },
            "is not at version 3 of stream-b"),
        fault(
            "another type",
            h -> {
              Stored e = h.at(7);
              h.stored.set(
                  h.indexOf(7), new Stored(7, e.stream(), e.version(), e.id(), "x", e.data()));
            },
            "is not at version 3 of stream-b"),
        fault(
            "events of two appends exchanged",
            h -> {
              Stored one = h.at(10);
              Stored other = h.at(11);
              h.stored.set(h.indexOf(10), new Stored(10, C, 2, other.id(), "t", other.data()));
              h.stored.set(h.indexOf(11), new Stored(11, C, 3, one.id(), "t", one.data()));
            },
            "is not at version 2 of stream-c"),
        fault(
            "an event of nobody",
            h -> h.stored.add(new Stored(14, B, 4, UUID.randomUUID(), "t", "{}")),
            "was appended by nobody"),
        fault("a refused append is stored", h -> h.store(h.bad, A, 4, 14), "was refused"),
        fault("a conflict is stored all the same", h -> h.store(h.late, A, 4, 14), "was refused"),
        fault("what was rolled back is stored", h -> h.store(h.undone, A, 4, 14), "was refused"),
        fault("a version too high", h -> h.versions.put(A, 4L), "is at version 4"),
        fault("a version too low", h -> h.versions.put(B, 2L), "is at version 2"),
        fault("a stream without its row", h -> h.versions.remove(C), "is at version null"),
        fault(
            "a version without events",
            h -> h.versions.put(StreamId.of("stream", "e"), 1L),
            "has no events and is at version 1"),
        fault(
            "another position was answered",
            h -> h.retell(h.two, Told.WRITTEN, History.written(4, false, Map.of(A, 3L, B, 2L))),
            "is at position 5, not as answered"),
        fault(
            "another version was answered",
            h -> h.retell(h.two, Told.WRITTEN, History.written(5, false, Map.of(A, 3L, B, 3L))),
            "is not at version 2 of stream-b"),
        fault(
            "a stream is missing in the answer",
            h -> h.retell(h.two, Told.WRITTEN, History.written(5, false, Map.of(A, 3L))),
            "but not to stream-b"),
        fault(
            "an unfounded answer",
            h -> h.told(h.bad, null, 30, 31, History.written(14, false, Map.of(A, 4L))),
            "is not at version 4 of stream-a"),
        fault(
            "an unfounded answer, given twice",
            h -> h.retell(h.lost, Told.WRITTEN, History.written(7, false, Map.of(B, 4L))),
            "is not at version 4 of stream-b"),
        fault(
            "a retry that says it has written",
            h -> h.told(h.start, null, 30, 31, History.written(2, false, Map.of(A, 2L))),
            "2 times as not replayed"),
        fault(
            "a replay of nothing",
            h -> h.retell(h.first, Told.WRITTEN, History.written(10, true, Map.of(C, 2L))),
            "was not written before"),
        fault(
            "a replay with another result",
            h -> h.told(h.start, null, 30, 31, History.written(1, true, Map.of(A, 2L))),
            "was answered with"),
        fault(
            "a retry of what was written is a conflict",
            h -> h.conflict(h.start, 30, 31, Conflict.StreamVersion.of(A, noStream(), 3)),
            "a retry was answered with CONFLICT"),
        fault(
            "a retry of what was written is taken for another append",
            h -> h.told(h.start, null, 30, 31, Told.REUSED),
            "a retry was answered with REUSED"),
        fault("half of an unknown append", h -> h.remove(12), "version 1 was to be expected"),
        fault("the other half", h -> h.remove(13), "but not to stream-d"),
        fault(
            "an unknown append against what it expected",
            h -> {
              Append other = Append.to(D, any(), History.events(1));
              h.told(other, null, 28, 29, Told.UNKNOWN);
              h.store(other, D, 1, 8);
              h.remove(12);
              h.remove(13);
              h.store(h.vanished, D, 2, 12, 13);
              h.versions.put(D, 3L);
            },
            "expected no stream of stream-d and was written at version 1"),
        fault(
            "written against what it expected",
            h -> {
              Append stale = Append.to(A, exactly(1), History.events(1));
              h.told(stale, null, 30, 31, History.written(14, false, Map.of(A, 4L)));
              h.store(stale, A, 4, 14);
              h.versions.put(A, 4L);
            },
            "was written at version 3"),
        fault(
            "a check that does not hold",
            h -> {
              Append unchecked = Append.to(A, any(), History.events(1)).check(C, exactly(2));
              h.told(unchecked, null, 30, 31, History.written(14, false, Map.of(A, 4L)));
              h.store(unchecked, A, 4, 14);
              h.versions.put(A, 4L);
            },
            "checked that stream-c is at version 2"),
        fault(
            "a check that ceases to hold within the append",
            h -> {
              h.remove(9);
              h.remove(10);
              h.remove(11);
              h.moveTo(5, 6);
              h.moveTo(4, 5);
              h.store(h.first, C, 1, 4, 9);
              h.store(h.second, C, 3, 11);
            },
            "checked that stream-c is at no stream: there it is at 0, then at 1"),
        fault(
            "a conflict that is none",
            h -> h.retellConflict(h.late, Conflict.StreamVersion.of(A, exactly(2), 2)),
            "a conflict that is none"),
        fault(
            "a conflict with what was long ago",
            h -> h.retellConflict(h.third, Conflict.StreamVersion.of(C, exactly(7), 0)),
            "after one before it had reached 3"),
        fault(
            "a conflict with what was no more",
            h ->
                h.conflict(
                    Append.to(A, exactly(7), History.events(1)),
                    30,
                    31,
                    Conflict.StreamVersion.of(A, exactly(7), 2)),
            "it was no more"),
        fault(
            "a conflict with what was not yet",
            h ->
                h.conflict(
                    Append.to(B, exactly(7), History.events(1)),
                    8,
                    9,
                    Conflict.StreamVersion.of(B, exactly(7), 3)),
            "it was not yet"),
        fault(
            "a conflict in the middle of another append",
            h -> h.retellConflict(h.late, Conflict.StreamVersion.of(A, exactly(2), 1)),
            "no append ends there"),
        fault(
            "a conflict with a version that never was",
            h -> h.retellConflict(h.late, Conflict.StreamVersion.of(A, exactly(2), 9)),
            "it never was"),
        fault(
            "a conflict of a stream that the append does not know",
            h -> h.retellConflict(h.late, Conflict.StreamVersion.of(C, exactly(2), 0)),
            "has no such condition"),
        fault(
            "a conflict that was not told",
            h -> {
              Append both = Append.to(A, exactly(7), History.events(1)).check(B, exactly(9));
              h.conflict(both, 30, 31, Conflict.StreamVersion.of(A, exactly(7), 3));
            },
            "a conflict that was not told"),
        fault("no conflict at all", h -> h.retellConflict(h.late), "names no stream"),
        fault(
            "one caller's appends exchanged",
            h -> {
              h.remove(9);
              h.remove(10);
              h.remove(11);
              h.store(h.second, C, 1, 9);
              h.store(h.first, C, 2, 10, 11);
              h.retell(h.first, Told.WRITTEN, History.written(11, false, Map.of(C, 3L)));
              h.retell(h.second, Told.WRITTEN, History.written(9, false, Map.of(C, 1L)));
            },
            "after one before it had reached 3"),
        fault(
            "a position before that of an append answered earlier",
            h -> {
              h.moveTo(12, 6);
              h.told(h.vanished, null, 28, 29, History.written(13, true, Map.of(D, 2L)));
              h.calls.removeIf(call -> call.append() == h.vanished && call.told() == Told.UNKNOWN);
            },
            "is at position 6, and began when 11 was answered"));
  }

  private static Arguments fault(String name, Consumer<History> fault, String says) {
    return Arguments.of(name, fault, says);
  }
}
