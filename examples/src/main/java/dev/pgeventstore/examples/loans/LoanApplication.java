package dev.pgeventstore.examples.loans;

import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.examples.logs.ImportException;
import dev.pgeventstore.examples.logs.XesEvent;
import dev.pgeventstore.examples.logs.XesTrace;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * One loan application: a trace of the log as a stream of events.
 *
 * @param place the place in the file, for messages
 * @param stream {@code application-<name of the trace>}
 * @param events one new event for each event of the trace
 */
record LoanApplication(String place, StreamId stream, List<NewEvent> events) {

  static final String CATEGORY = "application";

  static LoanApplication of(XesTrace trace) {
    if (trace.events().isEmpty()) {
      throw new ImportException(trace.place() + " has no events");
    }
    StreamId stream = stream(trace);
    List<NewEvent> events = new ArrayList<>(trace.events().size());
    String before = stream.toString();
    for (LoanEvent step : LoanSteps.of(trace)) {
      Instant occurredAt = time(trace, events.size());
      UUID id = id(before, occurredAt, step);
      events.add(
          NewEvent.of(step).withId(id).withMetadata(Metadata.none().withOccurredAt(occurredAt)));
      before = id.toString();
    }
    return new LoanApplication(trace.place(), stream, List.copyOf(events));
  }

  private static Instant time(XesTrace trace, int index) {
    XesEvent event = trace.events().get(index);
    if (event.timestamp() == null) {
      throw new ImportException(
          "%s does not say when its event %d happened".formatted(trace.place(), index + 1));
    }
    return event.timestamp().toInstant();
  }

  private static StreamId stream(XesTrace trace) {
    if (trace.name() == null) {
      throw new ImportException(trace.place() + " has no name, so no stream can be named after it");
    }
    try {
      return StreamId.of(CATEGORY, trace.name());
    } catch (IllegalArgumentException e) {
      throw new ImportException(trace.place() + ": " + e.getMessage(), e);
    }
  }

  /**
   * An event of the file has the same id in every import, so the store recognises it. The id is
   * computed from the id of the event before, so the last id shows whether the store has the whole
   * application.
   */
  private static UUID id(String before, Instant occurredAt, LoanEvent step) {
    String name = before + "/" + occurredAt + "/" + step;
    return UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * The events of the file that the store does not have yet.
   *
   * @param stored all events that the stream has
   * @throws ImportException if a stored event differs from the event at its place in the file
   */
  List<NewEvent> notIn(List<RecordedEvent> stored) {
    int common = Math.min(stored.size(), events.size());
    for (int i = 0; i < common; i++) {
      RecordedEvent there = stored.get(i);
      NewEvent here = events.get(i);
      if (!there.id().equals(here.id()) || !there.payload().equals(here.payload())) {
        throw new ImportException(
            "%s has %s at %s as event %d, but the store has %s at %s"
                .formatted(
                    place,
                    here.payload(),
                    time(here.metadata()),
                    i + 1,
                    there.payload(),
                    time(there.metadata())));
      }
    }
    return events.subList(common, events.size());
  }

  /** The id of the application's last event. */
  UUID lastId() {
    return events.get(events.size() - 1).id();
  }

  private static String time(Metadata metadata) {
    return metadata.get(Metadata.OCCURRED_AT).orElse("an unknown time");
  }
}
