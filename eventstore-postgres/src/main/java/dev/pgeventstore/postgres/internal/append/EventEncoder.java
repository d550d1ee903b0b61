package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.Append;
import dev.pgeventstore.Condition;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.Contents;
import dev.pgeventstore.postgres.internal.encoding.EventEncoding;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Encodes an append as parameters of the append function, and refuses what cannot be stored before
 * anything is sent. Safe for many threads.
 */
public final class EventEncoder {

  private static final byte[] NONE = {};

  private final EventEncoding encoding;
  private final Supplier<String> incarnation;

  public EventEncoder(EventEncoding encoding) {
    this(encoding, () -> "");
  }

  /**
   * @param incarnation the incarnation in which the server was last observed
   */
  public EventEncoder(EventEncoding encoding, Supplier<String> incarnation) {
    this.encoding = encoding;
    this.incarnation = incarnation;
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
      expected[i] = expected(condition.expected());
      for (int number = 1; number <= ofStream.size(); number++) {
        events.add(encode(ofStream.get(number - 1), condition.stream(), number));
      }
    }
    checkSizes(append.messages());
    append.events().values().forEach(ofStream -> ofStream.forEach(NewEvent::sending));
    return new AppendRequest(
        streams,
        expected,
        counts,
        events,
        append.messages(),
        () -> mayBeStored(append),
        incarnation.get());
  }

  private static boolean mayBeStored(Append append) {
    for (List<NewEvent> ofStream : append.events().values()) {
      for (NewEvent event : ofStream) {
        if (event.mayBeStored()) {
          return true;
        }
      }
    }
    return false;
  }

  /** Refuses messages that cannot be stored. */
  void check(List<OutboxMessage> messages) {
    if (messages.isEmpty()) {
      throw new IllegalArgumentException("no messages to publish");
    }
    checkSizes(messages);
  }

  private void checkSizes(List<OutboxMessage> messages) {
    for (int i = 0; i < messages.size(); i++) {
      OutboxMessage message = messages.get(i);
      if (message.bytes() > encoding.maxBytes()) {
        throw new IllegalArgumentException(
            "message %d of %d (%s) cannot be stored: it takes %d bytes, at most %d are allowed"
                .formatted(i + 1, messages.size(), message, message.bytes(), encoding.maxBytes()));
      }
    }
  }

  private static long expected(ExpectedVersion expected) {
    return expected
        .onlyVersion()
        .orElse(expected.isMetBy(0) ? AppendRequest.ANY : AppendRequest.EXISTS);
  }

  private AppendRequest.Event encode(NewEvent event, StreamId stream, int number) {
    EventEncoding.Encoded encoded;
    try {
      encoded = encoding.encode(event, stream);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "event %d for stream %s cannot be stored: %s".formatted(number, stream, e.getMessage()),
          e);
    }
    byte[] metadata = encoded.metadata();
    return new AppendRequest.Event(
        encoded.id(),
        encoded.content().type(),
        encoded.content().revision(),
        Contents.json(encoded.content()),
        metadata == null ? NONE : metadata);
  }
}
