package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.position.LanePosition.Anchor;
import dev.pgeventstore.kafka.internal.record.Parcel;
import dev.pgeventstore.kafka.internal.record.Poisoned;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What was sent since the last commit. For one thread. */
final class OpenTransaction {

  private final long begun;
  private final Map<String, @Nullable String> notes = new HashMap<>();
  private final List<Poisoned> poisoned = new ArrayList<>();
  private Optional<Anchor> anchor = Optional.empty();
  private int events;
  private int messages;
  private int records;

  OpenTransaction(long begun) {
    this.begun = begun;
  }

  void add(Parcel parcel) {
    notes.putAll(parcel.notes());
    poisoned.addAll(parcel.poisoned());
    anchor = parcel.anchor().or(() -> anchor);
    events += parcel.events();
    messages += parcel.messages();
    records += parcel.records().size();
  }

  /** What is noted with it. */
  Map<String, @Nullable String> notes() {
    return notes;
  }

  /** The last event in it. */
  Optional<Anchor> anchor() {
    return anchor;
  }

  /**
   * What a commit comes to.
   *
   * @param upTo where the lane stands then
   * @param mark the high-water mark when the last of it was read
   */
  Commit commit(Position upTo, Position mark) {
    return new Commit(upTo, mark, events, messages, records, begun, List.copyOf(poisoned));
  }
}
