package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.StreamId;
import java.util.List;
import java.util.UUID;
import java.util.function.BooleanSupplier;

/**
 * An append as the functions take it. Immutable by convention: no code changes the arrays.
 *
 * <p>Conditions are in the order in which streams were added, and events in the order of
 * conditions.
 */
public final class AppendRequest {

  // The expectations that are not a version. With the variants _KNOWN_IDS, a retry is looked up
  // first.
  public static final long ANY = -1;
  public static final long EXISTS = -2;
  private static final long ANY_KNOWN_IDS = -3;
  private static final long EXISTS_KNOWN_IDS = -4;

  final StreamId[] streams;
  private final long[] expected;
  final int[] counts;
  final List<Event> events;
  final List<OutboxMessage> messages;
  private final BooleanSupplier mayBeStored;
  private final String incarnation;
  private final int bytes;

  /**
   * An append.
   *
   * @param streams per condition
   * @param expected per condition: a version, {@link #ANY} or {@link #EXISTS}
   * @param counts per condition: how many of the events are for its stream, 0 if it is only checked
   * @param events of one condition after the other
   * @param messages that go with them
   * @param mayBeStored whether some of the events may be stored; may become true at any time
   * @param incarnation of the server as it was observed last; empty if it was not
   */
  public AppendRequest(
      StreamId[] streams,
      long[] expected,
      int[] counts,
      List<Event> events,
      List<OutboxMessage> messages,
      BooleanSupplier mayBeStored,
      String incarnation) {
    this.incarnation = incarnation;
    this.streams = streams;
    this.expected = expected;
    this.counts = counts;
    this.events = events;
    this.messages = messages;
    this.mayBeStored = mayBeStored;
    long sum = 0;
    for (Event event : events) {
      sum += event.bytes();
    }
    for (OutboxMessage message : messages) {
      sum += message.bytes();
    }
    this.bytes = (int) Math.min(Integer.MAX_VALUE, sum);
  }

  /** The incarnation of the server that was known before the append is sent; may be empty. */
  public String incarnation() {
    return incarnation;
  }

  /** Streams that are written or checked. */
  public List<StreamId> streams() {
    return List.of(streams);
  }

  /** How many rows are to be inserted: of events and of messages. */
  public int rowCount() {
    return events.size() + messages.size();
  }

  /** How many events are to be inserted. */
  public int events() {
    return events.size();
  }

  /** Whether messages go with it. */
  public boolean hasMessages() {
    return !messages.isEmpty();
  }

  /** The size of the JSON of all events and of the messages. */
  public int bytes() {
    return bytes;
  }

  /** Whether the ids of a condition's events are looked for in its stream. */
  public boolean looksForIds() {
    for (int condition = 0; condition < expected.length; condition++) {
      if (expected(condition) <= ANY_KNOWN_IDS) {
        return true;
      }
    }
    return false;
  }

  /**
   * What is expected of a condition's stream. Computed as late as possible: a first attempt that is
   * sent after its retry must look up ids too.
   */
  long expected(int condition) {
    long want = expected[condition];
    if (want == ANY) {
      return mayBeStored.getAsBoolean() ? ANY_KNOWN_IDS : ANY;
    }
    if (want == EXISTS) {
      return mayBeStored.getAsBoolean() ? EXISTS_KNOWN_IDS : EXISTS;
    }
    return want;
  }

  /** The ids of all events. */
  public List<UUID> ids() {
    return events.stream().map(Event::id).toList();
  }

  boolean isOneEvent() {
    return streams.length == 1 && events.size() == 1 && messages.isEmpty();
  }

  /** Whether the stream of a condition gets a row if it has none. */
  boolean creates(int condition) {
    return expected[condition] == 0 || (counts[condition] > 0 && expected[condition] == ANY);
  }

  /**
   * An event.
   *
   * @param data JSON in UTF-8
   * @param metadata JSON in UTF-8; empty for none
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Event(UUID id, String type, int revision, byte[] data, byte[] metadata) {

    int bytes() {
      return data.length + metadata.length;
    }
  }
}
