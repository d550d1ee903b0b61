package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.AppendResult.Part;
import dev.pgeventstore.Condition;
import dev.pgeventstore.Conflict;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventIdReusedException;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.TombstonedException;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Answer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Translates the database's responses into results and exceptions for the caller. */
final class Answers {

  private Answers() {}

  /**
   * The result of an append.
   *
   * @param incarnation the incarnation in which the append cannot be lost; empty if there is none
   */
  static AppendResult result(Append append, Answer answer, String incarnation) {
    return switch (answer.outcome()) {
      case WRITTEN -> result(append, answer, incarnation, false);
      case REPLAYED -> result(append, answer, incarnation, true);
      case CONFLICT -> throw new ConflictException(conflicts(append, answer));
      case IDS_REUSED -> throw reused(culprit(append, answer));
      case TOMBSTONED -> throw tombstoned(culprit(append, answer));
      case BUSY -> throw new IllegalStateException("a busy append is retried: " + append);
    };
  }

  private static AppendResult result(
      Append append, Answer answer, String incarnation, boolean replayed) {
    List<Condition> conditions = append.conditions();
    Position position = Position.of(answer.position());
    Map<StreamId, Part> parts = new HashMap<>();
    for (int i = 0; i < conditions.size(); i++) {
      StreamId stream = stream(conditions.get(i));
      List<NewEvent> events = append.events().getOrDefault(stream, List.of());
      if (!events.isEmpty()) {
        UUID last = events.get(events.size() - 1).id();
        parts.put(stream, Part.of(answer.versions()[i], events.size(), last));
      }
    }
    return AppendResult.of(position, parts, replayed, incarnation);
  }

  private static List<Conflict> conflicts(Append append, Answer answer) {
    List<Conflict> conflicts = new ArrayList<>();
    for (int i = 0; i < append.conditions().size(); i++) {
      Condition.StreamVersion version = (Condition.StreamVersion) append.conditions().get(i);
      long found = answer.versions()[i];
      if (!version.expected().isMetBy(found)) {
        conflicts.add(Conflict.StreamVersion.of(version.stream(), version.expected(), found));
      }
    }
    return conflicts;
  }

  private static EventIdReusedException reused(StreamId stream) {
    return new EventIdReusedException(
        stream,
        "stream %s has events with these ids already, but not these events at this place:"
                .formatted(stream)
            + " a retry must have the same events in the same order; nothing was written");
  }

  private static TombstonedException tombstoned(StreamId stream) {
    return new TombstonedException(stream);
  }

  private static StreamId culprit(Append append, Answer answer) {
    return stream(append.conditions().get(answer.culprit()));
  }

  private static StreamId stream(Condition condition) {
    return ((Condition.StreamVersion) condition).stream();
  }
}
