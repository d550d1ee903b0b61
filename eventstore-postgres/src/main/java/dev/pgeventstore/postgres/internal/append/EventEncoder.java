package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.Append;
import dev.pgeventstore.Condition;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import java.util.ArrayList;
import java.util.List;

/**
 * Turns an append into what the append function takes, and refuses what cannot be stored before
 * anything is sent. Safe for many threads.
 */
public final class EventEncoder {

  private static final byte[] NONE = {};

  private final EventCodec codec;
  private final int maxEventBytes;

  public EventEncoder(EventCodec codec, int maxEventBytes) {
    this.codec = codec;
    this.maxEventBytes = maxEventBytes;
  }

  AppendRequest encode(Append append) {
    if (append.events().isEmpty()) {
      throw new IllegalArgumentException("an append needs at least one event");
    }
    List<Condition> conditions = append.conditions();
    StreamId[] streams = new StreamId[conditions.size()];
    long[] expected = new long[conditions.size()];
    int[] counts = new int[conditions.size()];
    List<AppendRequest.Event> events = new ArrayList<>();
    for (int i = 0; i < streams.length; i++) {
      Condition.StreamVersion condition = (Condition.StreamVersion) conditions.get(i);
      List<NewEvent> ofStream = append.events().getOrDefault(condition.stream(), List.of());
      streams[i] = condition.stream();
      counts[i] = ofStream.size();
      expected[i] = expected(condition.expected(), ofStream);
      for (int number = 1; number <= ofStream.size(); number++) {
        events.add(encode(ofStream.get(number - 1), condition.stream(), number));
      }
    }
    return new AppendRequest(streams, expected, counts, events);
  }

  private static long expected(ExpectedVersion expected, List<NewEvent> events) {
    if (expected instanceof ExpectedVersion.Exactly exactly) {
      return exactly.version();
    }
    if (expected instanceof ExpectedVersion.NoStream) {
      return 0;
    }
    boolean knownIds = events.stream().anyMatch(NewEvent::idSupplied);
    if (expected instanceof ExpectedVersion.StreamExists) {
      return knownIds ? AppendRequest.EXISTS_KNOWN_IDS : AppendRequest.EXISTS;
    }
    return knownIds ? AppendRequest.ANY_KNOWN_IDS : AppendRequest.ANY;
  }

  private AppendRequest.Event encode(NewEvent event, StreamId stream, int number) {
    EncodedEvent encoded;
    byte[] metadata = NONE;
    try {
      encoded = codec.encode(event.payload());
      if (!event.metadata().entries().isEmpty()) {
        metadata = codec.encodeMetadata(event.metadata());
      }
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "event %d for stream %s cannot be stored: %s".formatted(number, stream, e.getMessage()),
          e);
    }
    int bytes = encoded.dataUtf8().length + metadata.length;
    if (bytes > maxEventBytes) {
      throw new IllegalArgumentException(
          "event %d for stream %s (%s) takes %d bytes of JSON, at most %d are allowed"
              .formatted(number, stream, encoded.type(), bytes, maxEventBytes));
    }
    return new AppendRequest.Event(
        event.id(), encoded.type(), encoded.revision(), encoded.dataUtf8(), metadata);
  }
}
