package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Position;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.kafka.internal.RelayHaltedException;
import dev.pgeventstore.kafka.internal.StopSignal;
import dev.pgeventstore.kafka.internal.lead.Leadership;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.LanePosition.Anchor;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.record.Parcel;
import dev.pgeventstore.kafka.internal.record.Refusals;
import dev.pgeventstore.kafka.internal.writer.LaneWriter;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Sends parcel after parcel, and commits whenever none is waiting or enough were sent: at once when
 * there is little to do, in large transactions when there is much, because a transaction costs
 * about the same whatever is in it. For one thread.
 */
public final class Publishing {

  private static final Duration WAIT = Duration.ofMillis(250);
  private static final Duration SHORT_WAIT = Duration.ofMillis(2);
  private static final long BETWEEN_MOVES = Duration.ofSeconds(1).toNanos();

  private final Scheduler scheduler;
  private final LaneWriter writer;
  private final Preparer preparer;
  private final Refusals refusals;
  private final Watch watch;
  private final Leadership leadership;
  private final Progress progress;
  private final StopSignal stop;

  private LanePosition position;
  private Position reached = Position.START;
  private long moved;
  private @Nullable Parcel passed;

  // What was sent since the last commit.
  private Map<String, @Nullable String> notes = new HashMap<>();
  private @Nullable Parcel last;
  private @Nullable Parcel covered;
  private Optional<Anchor> anchor = Optional.empty();
  private int events;
  private int messages;
  private int records;
  private long begun;

  Publishing(
      Scheduler scheduler,
      LaneWriter writer,
      Preparer preparer,
      Refusals refusals,
      Watch watch,
      Leadership leadership,
      Progress progress,
      StopSignal stop,
      LanePosition position) {
    this.scheduler = scheduler;
    this.moved = scheduler.nanoTime();
    this.writer = writer;
    this.preparer = preparer;
    this.refusals = refusals;
    this.watch = watch;
    this.leadership = leadership;
    this.progress = progress;
    this.stop = stop;
    this.position = position;
  }

  /**
   * Publishes until it is told to stop, or somebody else leads.
   *
   * @param leads is run when the store's history was found to be the one that was published
   */
  void run(Runnable leads) throws InterruptedException {
    runWhile(leads, () -> true);
  }

  /**
   * Publishes up to a position at least, and no more than is needed for that.
   *
   * @return how far it has come; not to the position if it was told to stop, or somebody else leads
   */
  public Position runUpTo(Position wanted) throws InterruptedException {
    runWhile(() -> {}, () -> wanted.isAfter(reached));
    return reached;
  }

  private void runWhile(Runnable leads, BooleanSupplier wanted) throws InterruptedException {
    Parcel first = null;
    while (first == null) {
      if (stop.isRequested() || !leadership.keep()) {
        return;
      }
      first = preparer.poll(WAIT);
    }
    leads.run();
    reached = first.upTo();
    progress.reached(first.upTo(), first.mark(), preparer.life());
    progress.enter(State.LEADING);
    try {
      boolean busy = false;
      while (wanted.getAsBoolean() && !stop.isRequested() && leadership.keep()) {
        watch.requireNothingFound();
        Parcel parcel = preparer.poll(busy ? SHORT_WAIT : WAIT);
        if (parcel != null) {
          take(parcel);
        }
        notePassed();
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
      if (parcel.covered()) {
        covered = parcel;
      }
      reached = parcel.upTo();
      RelayHaltedException refusal = parcel.refusal();
      boolean more =
          refusal == null
              && last != null
              && !parcel.isConfirmedFirst()
              && preparer.hasMore()
              && !writer.isFull();
      if (!more) {
        if (last == null) {
          pass(parcel);
        } else {
          // Not beyond what a token covers: if the database goes back behind that, nobody notices.
          Parcel noted = covered == null ? parcel : covered;
          commit(noted);
          if (!parcel.covered()) {
            pass(parcel);
          }
        }
      }
      if (parcel.isConfirmedFirst() || refusal != null) {
        writer.finish();
      }
      if (refusal != null) {
        throw refusal;
      }
      parcel = more ? preparer.poll(Duration.ZERO) : null;
    }
  }

  private void send(Parcel parcel) {
    if (last == null) {
      begun = scheduler.nanoTime();
    }
    last = parcel;
    refusals.sends(parcel);
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
    reached.token().ifPresent(token -> notes.put(LaneNotes.TOKEN, token.toString()));
    int parked = (int) notes.keySet().stream().filter(LaneNotes::parks).count();
    writer.commit(notes, new Sent(reached, events, messages, records, parked, begun));
    notes = new HashMap<>();
    last = null;
    covered = null;
    passed = null;
    anchor = Optional.empty();
    events = 0;
    messages = 0;
    records = 0;
    moved = scheduler.nanoTime();
  }

  /** Nothing of it is wanted. */
  private void pass(Parcel parcel) {
    if (parcel.covered()) {
      passed = parcel;
    }
    writer.whenSettled(() -> progress.reached(parcel.upTo(), parcel.mark(), preparer.life()));
  }

  /** Keeps the noted position from falling behind while nothing is wanted. */
  private void notePassed() {
    Parcel parcel = passed;
    if (parcel != null && scheduler.nanoTime() - moved > BETWEEN_MOVES) {
      passed = null;
      moved = scheduler.nanoTime();
      position = position.at(parcel.upTo(), parcel.anchor());
      Map<String, @Nullable String> changes = new HashMap<>();
      changes.put(LaneNotes.POSITION, position.format());
      parcel.token().ifPresent(token -> changes.put(LaneNotes.TOKEN, token.toString()));
      writer.commit(changes, () -> {});
    }
  }

  /** Tells of a commit. */
  private final class Sent implements Runnable {
    private final Position upTo;
    private final Optional<Token> token;
    private final Position mark;
    private final int events;
    private final int messages;
    private final int records;
    private final int parked;
    private final long begun;

    Sent(Parcel reached, int events, int messages, int records, int parked, long begun) {
      this.upTo = reached.upTo();
      this.token = reached.token();
      this.mark = reached.mark();
      this.events = events;
      this.messages = messages;
      this.records = records;
      this.parked = parked;
      this.begun = begun;
    }

    @Override
    public void run() {
      progress.committed(events, messages, records, Duration.ofNanos(scheduler.nanoTime() - begun));
      progress.alsoParked(parked);
      progress.reached(upTo, mark, preparer.life());
      preparer.published(upTo, token);
      refusals.forgetUpTo(upTo);
    }
  }
}
