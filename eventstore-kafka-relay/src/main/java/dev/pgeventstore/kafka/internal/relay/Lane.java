package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.Position;
import dev.pgeventstore.internal.Backoff;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.StopSignal;
import dev.pgeventstore.kafka.internal.clients.Contact;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.lead.Leadership;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.record.Failures;
import dev.pgeventstore.kafka.internal.record.RecordRefusedException;
import dev.pgeventstore.kafka.internal.relay.LaneBeginning.Start;
import dev.pgeventstore.kafka.internal.writer.TransactionOutlivedException;
import dev.pgeventstore.spi.EventFeed;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Pattern;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The work of a lane: lead, take over from the last position, publish parcel after parcel. One
 * thread runs it.
 *
 * <p>The order in {@link #lead} is what makes events arrive once: a position that is read before
 * the others are fenced may be one that they still move.
 */
public final class Lane implements Runnable {

  private static final Logger LOG = LoggerFactory.getLogger(Lane.class);

  private static final Duration STANDBY_PAUSE = Duration.ofMillis(500);
  private static final Duration BEFORE_THE_FIRST = Duration.ofMillis(100);
  private static final long FIRST_PAUSE_MILLIS = 50;
  private static final long LONGEST_PAUSE_MILLIS = 5_000;

  /** Long at once: brokers log each client that they refuse. */
  private static final long REFUSED_PAUSE_MILLIS = 8_000;

  /** Kafka's time-outs tell their times. */
  private static final Pattern NUMBERS = Pattern.compile("\\d+");

  private final RelaySpec spec;
  private final int number;
  private final EventFeed feed;
  private final KafkaSettings settings;
  private final Leadership leadership;
  private final Progress progress;
  private final StopSignal stop;
  private final Backoff backoff = new Backoff(FIRST_PAUSE_MILLIS, LONGEST_PAUSE_MILLIS);
  private final Experience experience;
  private long committedBefore;
  private String logged = "";
  private Position beforeTooLarge = Position.of(Long.MAX_VALUE);

  public Lane(
      RelaySpec spec,
      int number,
      EventFeed feed,
      KafkaSettings settings,
      Leadership leadership,
      Progress progress,
      StopSignal stop) {
    this.spec = spec;
    this.number = number;
    this.feed = feed;
    this.settings = settings;
    this.experience = Experience.none(settings, spec.leaseTtl(), Contact.kept());
    this.leadership = leadership;
    this.progress = progress;
    this.stop = stop;
  }

  @Override
  public void run() {
    try {
      while (!stop.isRequested()) {
        leadOrWait();
      }
      progress.stopped();
    } catch (InterruptedException e) {
      LOG.info("Relay {} was interrupted", spec.name());
      progress.stopped();
    } catch (RelayHaltedException e) {
      LOG.error("Relay {} has halted: {}", spec.name(), e.getMessage());
      LOG.debug("In full", Causes.loggable(e));
      progress.halted(e);
    } catch (RuntimeException | Error e) {
      LOG.error("Relay {} has halted", spec.name(), Causes.loggable(e));
      progress.halted(e);
    } finally {
      leadership.release();
      experience.contact().close();
    }
  }

  private void leadOrWait() throws InterruptedException {
    try {
      if (leadership.acquire()) {
        lead();
      } else {
        progress.standsBy();
        stop.pause(STANDBY_PAUSE);
      }
    } catch (InvariantBrokenException e) {
      // To try again would not put right what never should be.
      throw e;
    } catch (RelayHaltedException e) {
      haltIfLeading(e);
    } catch (RuntimeException e) {
      tryAgainAfter(e);
    }
  }

  /**
   * One that has lost the lead meanwhile compares notes that are old with what the next one has
   * published. What it finds proves nothing: the next one looks for itself.
   */
  private void haltIfLeading(RelayHaltedException finding) throws InterruptedException {
    boolean leads;
    try {
      leads = leadership.confirm();
    } catch (RuntimeException e) {
      finding.addSuppressed(e);
      tryAgainAfter(e);
      return;
    }
    if (leads) {
      throw finding;
    }
    LOG.info("Relay {} has lost the lead, and looks again: {}", spec.name(), finding.getMessage());
  }

  private void tryAgainAfter(RuntimeException failure) throws InterruptedException {
    Optional<RecordRefusedException> refused = Failures.refusedRecord(failure);
    refused.ifPresent(experience.refusals()::refused);
    if (Failures.isTransactionTimeoutTooLong(failure)) {
      throw new RelayHaltedException(
          "Kafka refuses a transaction.timeout.ms of %d: the broker's transaction.max.timeout.ms is less. Lower the one or raise the other, then start the relay"
              .formatted(settings.transactionTimeoutMillis()),
          failure);
    }
    if (refused.isEmpty() && (Failures.hopeless(failure) != null || isTooLargeOnceMore(failure))) {
      throw new RelayHaltedException(
          "Kafka refuses, and would do so again: " + failure + ". Mend that, then start the relay",
          failure);
    }
    if (Failures.isFenced(failure) && !isOnlyLate(failure)) {
      progress.fenced();
    }
    long committed = progress.status().transactions();
    boolean hasPublished = committed > committedBefore;
    committedBefore = committed;
    if (hasPublished) {
      backoff.reset();
    }
    log(failure, hasPublished);
    progress.retrying(failure);
    Duration pause = varied(Failures.isRefused(failure) ? REFUSED_PAUSE_MILLIS : backoff.next());
    if (hasPublished || refused.isPresent()) {
      stop.pause(pause);
    } else {
      handOver(pause);
    }
  }

  /** From half of it to all of it, so that two relays do not keep meeting. */
  private Duration varied(long millis) {
    // The clock is as good as chance here, and the simulation sets it.
    long half = millis / 2;
    return Duration.ofMillis(half + Math.floorMod(settings.scheduler().nanoTime(), half + 1));
  }

  /** Once for each reason, however often it is tried: the status has it all the time. */
  private void log(RuntimeException failure, boolean hasPublished) {
    String kind = NUMBERS.matcher(Causes.text(failure)).replaceAll("#");
    if (hasPublished || !kind.equals(logged)) {
      LOG.warn(
          "Relay {} starts again from its last position after {}",
          spec.name(),
          Causes.text(failure));
    }
    logged = kind;
    LOG.debug("In full", Causes.loggable(failure));
  }

  /** The broker says the same of a transaction that it has aborted for its age. */
  private boolean isOnlyLate(RuntimeException failure) {
    try {
      return Failures.is(failure, TransactionOutlivedException.class) && leadership.confirm();
    } catch (RuntimeException e) {
      LOG.debug("It could not be asked who leads", e);
      return true;
    }
  }

  /**
   * One that has failed without publishing anything in between may be the only one that cannot:
   * others may have the right password, clock or address. So another one may lead, if there is one;
   * and this one waits for longer than that one takes to notice.
   */
  private void handOver(Duration pause) throws InterruptedException {
    leadership.release();
    progress.handsOver();
    stop.pause(pause.plus(STANDBY_PAUSE.multipliedBy(2)));
  }

  /** Sizes are checked before, against limits that may change: they are read again first. */
  private boolean isTooLargeOnceMore(RuntimeException failure) {
    if (!Failures.is(failure, RecordTooLargeException.class)) {
      return false;
    }
    Position now = progress.status().position();
    boolean onceMore = now.equals(beforeTooLarge);
    beforeTooLarge = now;
    return onceMore;
  }

  private void lead() throws InterruptedException {
    progress.begins();
    LaneContext lane = new LaneContext(spec, number, feed, settings, leadership);
    try (LaneAccess access = new LaneAccess(lane, stop, Start.CAREFUL, experience)) {
      if (!leadership.confirm()) {
        return;
      }
      access.writer().takeOver();
      // A relay that lost the lease meanwhile must not go on: two would fence each other in turns.
      if (!leadership.confirm()) {
        return;
      }
      LaneNotes notes = access.readNotes();
      Optional<String> paused = notes.paused();
      if (paused.isPresent()) {
        progress.reached(
            notes.position().map(LanePosition::position).orElse(Position.START),
            feed.highWaterMark());
        waitWhilePaused(paused.get());
        return;
      }
      LanePosition position = access.position(notes);
      if (!notes.sent().isEmpty() || waitForOtherLanes(access)) {
        progress.parked(notes.parked().size());
        access.publish(notes, position, progress, Publishing::run);
      }
    }
  }

  /** Tells whether to go on. */
  private boolean waitForOtherLanes(LaneAccess access) throws InterruptedException {
    Optional<Integer> missing = access.beginning().laneWithoutPosition();
    while (missing.isPresent()) {
      if (stop.isRequested() || !leadership.keep()) {
        return false;
      }
      progress.waitingFor("lane %d has not begun".formatted(missing.get()));
      stop.pause(BEFORE_THE_FIRST);
      missing = access.beginning().laneWithoutPosition();
    }
    return true;
  }

  /** The operation that ends the pause takes the lease for that. */
  private void waitWhilePaused(String why) throws InterruptedException {
    LOG.info("Relay {} is paused: {}", spec.name(), why);
    progress.paused(why);
    while (!stop.isRequested() && leadership.confirm()) {
      progress.settled(feed.highWaterMark());
      stop.pause(STANDBY_PAUSE);
    }
  }
}
