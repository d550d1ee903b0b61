package dev.pgeventstore;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * Events for one or several streams, the messages that announce them, and the conditions they were
 * decided on: all of them are written, or none. Immutable; {@link #and}, {@link #check} and {@link
 * #message} return a larger copy.
 *
 * <p>Ids of events are drawn when it is built, so sending it again is recognised as a retry: see
 * {@link EventStreams#append(Append)}.
 *
 * <pre>{@code
 * store.append(
 *     Append.to(from, exactly(7), List.of(new Withdrawn(100)))
 *         .and(to, streamExists(), List.of(new Deposited(100)))
 *         .check(bank, exactly(1)));
 * }</pre>
 */
public final class Append {

  private final Map<StreamId, List<NewEvent>> events;
  private final List<Condition> conditions;
  private final List<OutboxMessage> messages;

  private Append(
      Map<StreamId, List<NewEvent>> events,
      List<Condition> conditions,
      List<OutboxMessage> messages) {
    this.events = Collections.unmodifiableMap(events);
    this.conditions = List.copyOf(conditions);
    this.messages = List.copyOf(messages);
  }

  /**
   * Events for one stream.
   *
   * @param stream where to append
   * @param expected the version this was decided on
   * @param events domain objects or {@link NewEvent}s, at least one, in order
   * @return the append
   * @throws IllegalArgumentException if there is no event, one is null, or two have the same id
   */
  public static Append to(StreamId stream, ExpectedVersion expected, List<?> events) {
    return new Append(new LinkedHashMap<>(), List.of(), List.of()).and(stream, expected, events);
  }

  /**
   * The same, with events for one more stream. Positions follow the order in which streams are
   * added.
   *
   * @param stream where to append
   * @param expected the version this was decided on
   * @param newEvents domain objects or {@link NewEvent}s, at least one, in order
   * @return a larger copy
   * @throws IllegalArgumentException if there is no event, one is null, two have the same id, or
   *     the stream is in this append already
   */
  public Append and(StreamId stream, ExpectedVersion expected, List<?> newEvents) {
    if (newEvents.isEmpty()) {
      throw new IllegalArgumentException("no events to append to stream " + stream);
    }
    List<NewEvent> list = new ArrayList<>(newEvents.size());
    Set<UUID> ids = new HashSet<>();
    for (int i = 0; i < newEvents.size(); i++) {
      Object event = newEvents.get(i);
      if (event == null) {
        throw new IllegalArgumentException(
            "event %d of %d for stream %s is null".formatted(i + 1, newEvents.size(), stream));
      }
      NewEvent newEvent = NewEvent.of(event);
      if (!ids.add(newEvent.id())) {
        throw new IllegalArgumentException(
            "event %d of %d for stream %s has the id of one before it, %s"
                .formatted(i + 1, newEvents.size(), stream, newEvent.id()));
      }
      list.add(newEvent);
    }
    Map<StreamId, List<NewEvent>> more = new LinkedHashMap<>(events);
    more.put(stream, Collections.unmodifiableList(list));
    return new Append(more, withCondition(stream, expected), messages);
  }

  /**
   * The same, if also another stream is at an expected version. The stream is locked like a written
   * one until the append has committed, so what was checked still holds then.
   *
   * @param stream one that this append does not write to
   * @param expected the version this was decided on
   * @return a larger copy
   * @throws IllegalArgumentException if the stream is in this append already
   */
  public Append check(StreamId stream, ExpectedVersion expected) {
    return new Append(events, withCondition(stream, expected), messages);
  }

  /**
   * The same, with a message to publish. Its position comes after those of all events, and after
   * those of the messages added before.
   *
   * <p>If the append is recognised as a retry by the ids of its events, its messages were written
   * with the first attempt, and are neither written again nor compared.
   *
   * @param message what to publish
   * @return a larger copy
   */
  public Append message(OutboxMessage message) {
    return messages(List.of(message));
  }

  /**
   * The same, with messages to publish, in this order. See {@link #message}.
   *
   * @param more what to publish; may be empty
   * @return a larger copy
   */
  public Append messages(List<OutboxMessage> more) {
    List<OutboxMessage> all = new ArrayList<>(messages);
    all.addAll(more);
    return new Append(events, conditions, all);
  }

  private List<Condition> withCondition(StreamId stream, ExpectedVersion expected) {
    for (Condition condition : conditions) {
      if (condition instanceof Condition.StreamVersion other && other.stream().equals(stream)) {
        throw new IllegalArgumentException("stream " + stream + " is in this append already");
      }
    }
    List<Condition> more = new ArrayList<>(conditions);
    more.add(new Condition.StreamVersion(stream, expected));
    return more;
  }

  /**
   * What is to be written.
   *
   * @return by stream, in the order in which streams were added; unmodifiable
   */
  public Map<StreamId, List<NewEvent>> events() {
    return events;
  }

  /**
   * What is to be published.
   *
   * @return in the order in which they were added; unmodifiable
   */
  public List<OutboxMessage> messages() {
    return messages;
  }

  /**
   * What must hold.
   *
   * @return the expectations of the written streams and the further checks; unmodifiable
   */
  public List<Condition> conditions() {
    return conditions;
  }

  @Override
  public String toString() {
    return messages.isEmpty()
        ? "append to " + events.keySet()
        : "append to %s with %d messages".formatted(events.keySet(), messages.size());
  }
}
