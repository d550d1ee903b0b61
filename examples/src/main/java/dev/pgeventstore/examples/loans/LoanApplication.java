package dev.pgeventstore.examples.loans;

import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * One loan application: a trace of the log as a stream of events.
 *
 * @param place where the file has it
 * @param stream {@code application-<name of the trace>}
 * @param events one for each event of the trace
 */
record LoanApplication(String place, StreamId stream, List<NewEvent> events) {

  static final String CATEGORY = "application";

  static LoanApplication of(XesTrace trace) {
    if (trace.events().isEmpty()) {
      throw new ImportException(trace.place() + " has no events");
    }
    StreamId stream = stream(trace);
    List<NewEvent> events = new ArrayList<>(trace.events().size());
    for (LoanEvent step : LoanSteps.of(trace)) {
      Instant occurredAt = trace.events().get(events.size()).timestamp().toInstant();
      events.add(
          NewEvent.of(step)
              .withId(id(stream, events.size() + 1, occurredAt))
              .withMetadata(Metadata.none().withOccurredAt(occurredAt)));
    }
    return new LoanApplication(trace.place(), stream, List.copyOf(events));
  }

  private static StreamId stream(XesTrace trace) {
    try {
      return StreamId.of(CATEGORY, trace.name());
    } catch (IllegalArgumentException e) {
      throw new ImportException(trace.place() + ": " + e.getMessage(), e);
    }
  }

  /**
   * The same event of the file has the same id in every import, so the store recognises it. The
   * time is a part of it, because the store compares the events' content, but not their metadata.
   */
  private static UUID id(StreamId stream, int version, Instant occurredAt) {
    String name = stream + "/" + version + "/" + occurredAt;
    return UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * The events of the file that the store does not have yet.
   *
   * @param stored all events of the stream
   * @throws ImportException if one of them is not the one that the file has in its place
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

  private static String time(Metadata metadata) {
    return metadata.get(Metadata.OCCURRED_AT).orElse("an unknown time");
  }
}
