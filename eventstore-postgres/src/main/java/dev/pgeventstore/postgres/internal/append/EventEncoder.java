package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.Append;
import dev.pgeventstore.Condition;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Arguments;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Turns an append into the parameters of the append function, and refuses what cannot be stored
 * before anything is sent.
 */
final class EventEncoder {

  private final EventCodec codec;
  private final int maxDataBytes;

  EventEncoder(EventCodec codec, int maxDataBytes) {
    this.codec = codec;
    this.maxDataBytes = maxDataBytes;
  }

  Arguments encode(Append append) {
    if (append.events().isEmpty()) {
      throw new IllegalArgumentException("an append needs at least one event");
    }
    int events = append.events().values().stream().mapToInt(List::size).sum();
    Arguments arguments = new Arguments(append.conditions().size(), events);
    List<StreamId> streams = encodeStreams(append, arguments);
    int next = 0;
    for (Map.Entry<StreamId, List<NewEvent>> entry : append.events().entrySet()) {
      int stream = streams.indexOf(entry.getKey());
      int number = 1;
      for (NewEvent event : entry.getValue()) {
        arguments.eventStreams[next] = stream + 1;
        arguments.eventNumbers[next] = number;
        encode(event, entry.getKey(), number, arguments, next);
        number++;
        next++;
      }
    }
    return arguments;
  }

  /** In the order of locks: every append locks its streams in the same order as all others. */
  private static List<StreamId> encodeStreams(Append append, Arguments arguments) {
    List<Condition.StreamVersion> sorted =
        append.conditions().stream()
            .map(Condition.StreamVersion.class::cast)
            .sorted((a, b) -> a.stream().compareTo(b.stream()))
            .toList();
    for (int i = 0; i < sorted.size(); i++) {
      Condition.StreamVersion condition = sorted.get(i);
      List<NewEvent> events = append.events().get(condition.stream());
      arguments.streams[i] = condition.stream().toString();
      arguments.counts[i] = events == null ? 0 : events.size();
      arguments.expected[i] = expected(condition.expected(), events);
    }
    return sorted.stream().map(Condition.StreamVersion::stream).toList();
  }

  private static long expected(ExpectedVersion expected, @Nullable List<NewEvent> events) {
    boolean idsSupplied = events != null && events.stream().anyMatch(NewEvent::idSupplied);
    if (expected instanceof ExpectedVersion.Exactly exactly) {
      return exactly.version();
    }
    if (expected instanceof ExpectedVersion.NoStream) {
      return 0;
    }
    if (expected instanceof ExpectedVersion.StreamExists) {
      return idsSupplied ? -4 : -2;
    }
    return idsSupplied ? -3 : -1;
  }

  private void encode(NewEvent event, StreamId stream, int number, Arguments arguments, int index) {
    EncodedEvent encoded;
    try {
      encoded = codec.encode(event.payload());
      if (!event.metadata().entries().isEmpty()) {
        arguments.metadata[index] = codec.encodeMetadata(event.metadata());
      }
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "event %d for stream %s cannot be stored: %s".formatted(number, stream, e.getMessage()),
          e);
    }
    byte[] metadata = arguments.metadata[index];
    int bytes = encoded.dataUtf8().length + (metadata == null ? 0 : metadata.length);
    if (bytes > maxDataBytes) {
      throw new IllegalArgumentException(
          "event %d for stream %s (%s) takes %d bytes of JSON, at most %d are allowed"
              .formatted(number, stream, encoded.type(), bytes, maxDataBytes));
    }
    arguments.ids[index] = event.id().toString();
    arguments.types[index] = encoded.type();
    arguments.revisions[index] = encoded.revision();
    arguments.data[index] = encoded.dataUtf8();
  }
}
