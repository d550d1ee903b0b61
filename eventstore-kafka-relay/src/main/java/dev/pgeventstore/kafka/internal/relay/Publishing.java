package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Position;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.StopSignal;
import dev.pgeventstore.kafka.internal.lead.Leadership;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends parcel after parcel, and commits whenever none is waiting or enough were sent: at once when
 * there is little to do, in large transactions when there is much, because a transaction costs
 * about the same whatever is in it. For one thread.
 */
public final class Publishing {

  private static final Logger LOG = LoggerFactory.getLogger(Publishing.class);
  private static final Duration WAIT = Duration.ofMillis(250);
  private static final Duration SHORT_WAIT = Duration.ofMillis(2);
  private static final long BETWEEN_MOVES = Duration.ofSeconds(1).toNanos();

  private final Scheduler scheduler;
  private final String relay;
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
  private @Nullable OpenTransaction open;
  private @Nullable Parcel covered;

  Publishing(
      LaneWriter writer,
      Preparer preparer,
      Refusals refusals,
      Watch watch,
      LaneContext lane,
      Progress progress,
      StopSignal stop,
      LanePosition position) {
    this.scheduler = lane.settings().scheduler();
    this.relay = lane.spec().name();
    this.moved = scheduler.nanoTime();
    this.writer = writer;
    this.preparer = preparer;
    this.refusals = refusals;
    this.watch = watch;
    this.leadership = lane.leadership();
    this.progress = progress;
    this.stop = stop;
    this.position = position;
  }

  /** Publishes until it is told to stop, or another process leads. */
  void run() throws InterruptedException {
    runWhile(() -> true);
  }

  /**
   * Publishes up to a position at least, and no more than is needed for that.
   *
   * @return how far it has come; not to the position if it was told to stop, or another process
   *     leads
   */
  public Position runUpTo(Position wanted) throws InterruptedException {
    runWhile(() -> wanted.isAfter(reached));
    return reached;
  }

  private void runWhile(BooleanSupplier wanted) throws InterruptedException {
    Parcel first = null;
    while (first == null) {
      if (stop.isRequested() || !leadership.keep()) {
        return;
      }
      first = preparer.poll(WAIT);
    }
    // The store's history was found to be the one that was published.
    LOG.info("Relay {} leads from position {}", relay, first.upTo());
    reached = first.upTo();
    progress.reached(first.upTo(), first.mark(), preparer.incarnation());
    progress.leads();
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
      if (open != null) {
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
              && open != null
              && !parcel.isConfirmedFirst()
              && preparer.hasMore()
              && !writer.isFull();
      if (!more) {
        if (open == null) {
          pass(parcel);
        } else {
          // Not beyond what a token covers: if the database goes back behind that, nobody notices.
          Parcel noted = covered == null ? parcel : covered;
          commit(open, noted);
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
    OpenTransaction transaction = open == null ? new OpenTransaction(scheduler.nanoTime()) : open;
    open = transaction;
    refusals.sends(parcel);
    writer.send(parcel);
    transaction.add(parcel);
  }

  private void commit(OpenTransaction transaction, Parcel reached) {
    Map<String, @Nullable String> notes = transaction.notes();
    position = position.at(reached.upTo(), reached.anchor().or(transaction::anchor));
    notes.put(LaneNotes.POSITION, position.format());
    Position upTo = reached.upTo();
    Optional<Token> token = reached.token();
    Commit commit = transaction.commit(upTo, reached.mark());
    token.ifPresent(drawn -> notes.put(LaneNotes.TOKEN, drawn.toString()));
    writer.commit(
        notes,
        () -> {
          // Nothing of the parcels is kept until then.
          progress.committed(commit, preparer.incarnation());
          preparer.published(upTo, token);
          refusals.forgetUpTo(upTo);
        });
    open = null;
    covered = null;
    passed = null;
    moved = scheduler.nanoTime();
  }

  /** Nothing of it is wanted. */
  private void pass(Parcel parcel) {
    if (parcel.covered()) {
      passed = parcel;
    }
    writer.whenSettled(
        () -> progress.reached(parcel.upTo(), parcel.mark(), preparer.incarnation()));
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
}
