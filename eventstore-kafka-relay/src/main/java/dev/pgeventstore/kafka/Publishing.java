package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.LanePosition.Anchor;
import dev.pgeventstore.kafka.RelayStatus.State;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Sends parcel after parcel, and commits whenever none is waiting or enough were sent: at once when
 * there is little to do, in large transactions when there is much, because a transaction costs
 * about the same whatever is in it. For one thread.
 */
final class Publishing {

  private static final Duration WAIT = Duration.ofMillis(250);
  private static final Duration SHORT_WAIT = Duration.ofMillis(2);
  private static final long BETWEEN_MOVES = Duration.ofSeconds(1).toNanos();

  private final LaneWriter writer;
  private final Preparer preparer;
  private final Watch watch;
  private final Leadership leadership;
  private final Progress progress;
  private final StopSignal stop;
  private final Function<Position, Optional<Anchor>> anchors;
  private final RecordMaker maker;

  private LanePosition position;
  private long moved = System.nanoTime();
  private Position passed = Position.START;

  // What was sent since the last commit.
  private Map<String, @Nullable String> notes = new HashMap<>();
  private @Nullable Parcel last;
  private Optional<Anchor> anchor = Optional.empty();
  private int events;
  private int messages;
  private int records;
  private long begun;

  Publishing(
      LaneWriter writer,
      Preparer preparer,
      Watch watch,
      Leadership leadership,
      Progress progress,
      StopSignal stop,
      Function<Position, Optional<Anchor>> anchors,
      RecordMaker maker,
      LanePosition position) {
    this.writer = writer;
    this.preparer = preparer;
    this.watch = watch;
    this.leadership = leadership;
    this.progress = progress;
    this.stop = stop;
    this.anchors = anchors;
    this.maker = maker;
    this.position = position;
  }

  /**
   * Publishes until it is told to stop, or somebody else leads.
   *
   * @param leads is run when the store's history was found to be the one that was published
   */
  void run(Runnable leads) throws InterruptedException {
    Parcel first = null;
    while (first == null) {
      if (stop.isRequested() || !leadership.keep()) {
        return;
      }
      first = preparer.poll(WAIT);
    }
    leads.run();
    progress.reached(first.upTo(), first.mark());
    progress.enter(State.LEADING);
    try {
      boolean busy = false;
      while (!stop.isRequested() && leadership.keep()) {
        watch.requireNothingFound();
        Parcel parcel = preparer.poll(busy ? SHORT_WAIT : WAIT);
        if (parcel != null) {
          take(parcel);
        }
        busy = writer.settle();
      }
      writer.finish();
    } finally {
      if (last != null) {
        progress.aborted();
      }
    }
  }

  /** Takes parcels until what was sent is committed: no transaction is left open behind it. */
  private void take(Parcel first) throws InterruptedException {
    Parcel parcel = first;
    while (parcel != null) {
      progress.settled(parcel.mark());
      if (!parcel.isEmpty()) {
        send(parcel);
      }
      RelayHaltedException refusal = parcel.refusal();
      boolean more = refusal == null && last != null && preparer.hasMore() && !writer.isFull();
      if (!more) {
        if (last == null) {
          passOver(parcel);
        } else {
          commit(parcel);
          if (!preparer.hasMore()) {
            writer.push();
          }
        }
      }
      if (refusal != null) {
        writer.finish();
        throw refusal;
      }
      parcel = more ? preparer.poll(Duration.ZERO) : null;
    }
  }

  private void send(Parcel parcel) {
    if (last == null) {
      begun = System.nanoTime();
    }
    last = parcel;
    writer.send(parcel);
    notes.putAll(parcel.notes());
    anchor = parcel.anchor().or(() -> anchor);
    events += parcel.events();
    messages += parcel.messages();
    records += parcel.records().size();
  }

  private void commit(Parcel reached) {
    position = position.at(reached.upTo(), reached.anchor().or(() -> anchor));
    notes.put(LaneNotes.POSITION, position.format());
    writer.commit(notes, new Sent(reached, events, messages, records, begun));
    notes = new HashMap<>();
    last = null;
    anchor = Optional.empty();
    events = 0;
    messages = 0;
    records = 0;
    moved = System.nanoTime();
  }

  /** Keeps the position from falling behind while nothing is wanted. */
  private void passOver(Parcel parcel) {
    if (parcel.upTo().isAfter(position.position()) && System.nanoTime() - moved > BETWEEN_MOVES) {
      // Without an event to recognise the history by, the position stays where it is.
      Optional<Anchor> there = anchors.apply(parcel.upTo());
      moved = System.nanoTime();
      if (there.isPresent()) {
        begun = moved;
        position = position.at(parcel.upTo(), there);
        writer.commit(
            Map.of(LaneNotes.POSITION, position.format()), new Sent(parcel, 0, 0, 0, begun));
        return;
      }
    }
    if (parcel.upTo().isAfter(passed)) {
      passed = parcel.upTo();
      writer.whenSettled(() -> progress.reached(parcel.upTo(), parcel.mark()));
    }
  }

  /** Tells of a commit. */
  private final class Sent implements Runnable {
    private final Position upTo;
    private final Position mark;
    private final int events;
    private final int messages;
    private final int records;
    private final long begun;

    Sent(Parcel reached, int events, int messages, int records, long begun) {
      this.upTo = reached.upTo();
      this.mark = reached.mark();
      this.events = events;
      this.messages = messages;
      this.records = records;
      this.begun = begun;
    }

    @Override
    public void run() {
      progress.committed(events, messages, records, Duration.ofNanos(System.nanoTime() - begun));
      progress.parked(maker.parkedStreams());
      progress.reached(upTo, mark);
      preparer.published(upTo);
    }
  }
}
