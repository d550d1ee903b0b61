package dev.pgeventstore.kafka.internal.record;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition.Anchor;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.record.Parcel.Company;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** A parcel being packed. For one thread. */
public final class OpenParcel {

  private final List<Outgoing> records = new ArrayList<>();
  private final Map<String, @Nullable String> notes = new HashMap<>();
  private final Map<TopicPartition, RecordPlace> lastSent = new HashMap<>();
  private final List<Poisoned> poisoned = new ArrayList<>();
  private @Nullable RecordedEvent lastEvent;
  private int events;
  private int messages;
  private int sources;
  private long bytes;

  public void add(Outgoing outgoing, TopicPartition partition, RecordPlace place, int size) {
    if (records.isEmpty() || !records.get(records.size() - 1).isOfTheSame(outgoing)) {
      sources++;
    }
    records.add(outgoing);
    lastSent.put(partition, place);
    bytes += size;
  }

  public void note(String name, @Nullable String text) {
    notes.put(name, text);
  }

  void poisoned(Poisoned what) {
    poisoned.add(what);
  }

  /** Everything of an event is in it, or the event is not wanted. */
  public void passed(RecordedEvent event) {
    lastEvent = event;
  }

  void countEvent() {
    events++;
  }

  void countMessage() {
    messages++;
  }

  /** How many events and messages its records were made from. */
  public int sources() {
    return sources;
  }

  public long bytes() {
    return bytes;
  }

  /** Whether its last event stands where it ends. */
  public boolean isAnchoredAt(Position upTo) {
    return lastEvent != null && lastEvent.position().equals(upTo);
  }

  public boolean isEmpty() {
    return records.isEmpty() && notes.isEmpty();
  }

  /** One of which nothing is to be sent, nor noted. */
  public Parcel buildUncovered(
      Position upTo, Position mark, Company company, @Nullable RelayHaltedException refusal) {
    return build(upTo, mark, company, refusal, Optional.empty(), false);
  }

  /** One that a token covers, if the lead draws any. */
  public Parcel build(Position upTo, Position mark, Optional<Token> token) {
    return build(upTo, mark, Company.ANY, null, token);
  }

  public Parcel build(
      Position upTo,
      Position mark,
      Company company,
      @Nullable RelayHaltedException refusal,
      Optional<Token> token) {
    return build(upTo, mark, company, refusal, token, true);
  }

  private Parcel build(
      Position upTo,
      Position mark,
      Company company,
      @Nullable RelayHaltedException refusal,
      Optional<Token> token,
      boolean covered) {
    lastSent.forEach((partition, place) -> note(LaneNotes.sent(partition), place.toString()));
    return new Parcel(
        records,
        notes,
        poisoned,
        upTo,
        Optional.ofNullable(lastEvent).map(Anchor::of),
        events,
        messages,
        bytes,
        mark,
        company,
        sources,
        refusal,
        token,
        covered);
  }
}
