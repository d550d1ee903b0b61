package dev.pgeventstore.examples.logs;

import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventType;
import dev.pgeventstore.postgres.ImportProgress;
import dev.pgeventstore.postgres.ImportedEvent;
import dev.pgeventstore.postgres.PostgresEventStore;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * Imports any log. Each trace becomes a stream, and each of its events an event with all its
 * attributes. If it is run again with the same file, or with a file that has more traces at its
 * end, it resumes where the last run stopped.
 */
final class LogImport {

  static final String CATEGORY = "trace";

  private static final Metadata NO_METADATA = Metadata.none();

  private LogImport() {}

  /** The first event of each stream: the attributes of the trace as a whole. */
  @EventType(name = "trace-begun")
  record TraceBegun(@Nullable String name, List<XesAttribute> attributes) {}

  /** An activity was recorded. */
  @EventType(name = "activity-recorded")
  record ActivityRecorded(
      @Nullable String activity, @Nullable String lifecycle, List<XesAttribute> attributes) {}

  /**
   * Imports a file.
   *
   * @param name the name of the import in the store; the same for each run
   * @return the progress of the import
   * @throws ImportException if the file is damaged; all batches before that are in the store
   * @throws dev.pgeventstore.EventStoreException if the database fails, or the store has imported
   *     another file under the name
   */
  static ImportProgress run(
      PostgresEventStore store, String name, Path file, Consumer<ImportProgress> progress)
      throws InterruptedException {
    try (XesReader reader = XesReader.open(file)) {
      Iterable<XesTrace> traces = () -> reader;
      return store
          .importer()
          .named(name)
          .onProgress(progress)
          .run(StreamSupport.stream(traces.spliterator(), false).flatMap(LogImport::items));
    }
  }

  private static Stream<ImportedEvent> items(XesTrace trace) {
    StreamId stream = stream(trace);
    return IntStream.rangeClosed(0, trace.events().size())
        .mapToObj(number -> ImportedEvent.of(stream, event(trace, number)));
  }

  /**
   * Traces with the same name become one stream. If the name is not valid for a stream, the number
   * of the trace is used.
   */
  private static StreamId stream(XesTrace trace) {
    String number = "#" + trace.number();
    try {
      return StreamId.of(CATEGORY, Optional.ofNullable(trace.name()).orElse(number));
    } catch (IllegalArgumentException e) {
      return StreamId.of(CATEGORY, number);
    }
  }

  private static NewEvent event(XesTrace trace, int number) {
    NewEvent event;
    if (number == 0) {
      event = NewEvent.of(new TraceBegun(trace.name(), trace.attributes()));
    } else {
      XesEvent done = trace.events().get(number - 1);
      event =
          NewEvent.of(new ActivityRecorded(done.activity(), done.lifecycle(), done.attributes()))
              .withMetadata(
                  done.timestamp() == null
                      ? NO_METADATA
                      : NO_METADATA.withOccurredAt(done.timestamp().toInstant()));
    }
    return event.withId(id(trace, number, event));
  }

  /** The store compares ids to verify that the file is the same as before. */
  private static UUID id(XesTrace trace, int number, NewEvent event) {
    String text = trace.number() + "/" + number + "/" + event.payload();
    return UUID.nameUUIDFromBytes(text.getBytes(StandardCharsets.UTF_8));
  }
}
