package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.SqlFailure;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Scheduler.Task;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.tables.CheckpointsTable.Standing;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.ReadingPlace;
import dev.pgeventstore.spi.SubscriptionSpec;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handles the events of one partition while this node has its lease: page, then handler and
 * checkpoint in one transaction, again and again.
 *
 * <p>The checkpoint moves only in the lane's own tenure, from where the lane stands, and in the
 * life of the server that the events were read in. So whatever happens to the lane, the lease or
 * the server, what the handler writes in the database happens exactly once.
 */
final class Lane implements Runnable {

  private static final Logger LOG = LoggerFactory.getLogger(Lane.class);

  private static final Duration LOOK_UP = Duration.ofSeconds(1);
  private static final long FIRST_BACK_OFF_MILLIS = 50;
  private static final long LONGEST_BACK_OFF_MILLIS = 5_000;
  private static final long LONGEST_AFTER_RACE_MILLIS = 100;
  private static final int LONGEST_PAGE = 10_000;

  private final Scheduler scheduler;
  private final RunningSubscription subscription;
  private final SubscriptionSpec spec;
  private final Readers readers;
  private final SubscriptionTables tables;
  private final Share share;
  private final Progress progress;
  private final LaneLease lease;
  private final LaneNews news;
  private final LaneCheckpoint checkpoint;
  private final LaneTransactions transactions;
  private final Declines declines;
  private final OneByOne oneByOne;
  private volatile @Nullable Task task;
  private @Nullable Lane predecessor;

  /** The incarnation in which its present position is one; empty while that is not known. */
  private volatile String incarnation = "";

  // The rest belongs to the lane's thread.

  private long barrier;
  private boolean caughtUp;
  private long backOffMillis = FIRST_BACK_OFF_MILLIS;

  Lane(
      Scheduler scheduler,
      RunningSubscription subscription,
      SubscriptionSpec spec,
      Readers readers,
      SubscriptionTables tables,
      Lock suspects,
      Share share,
      Progress progress) {
    this.scheduler = scheduler;
    this.subscription = subscription;
    this.spec = spec;
    this.readers = readers;
    this.tables = tables;
    this.share = share;
    this.progress = progress;
    this.lease = new LaneLease(scheduler, progress);
    this.news = new LaneNews(subscription, spec.name(), share);
    this.checkpoint =
        new LaneCheckpoint(
            scheduler,
            tables.connections(),
            tables.checkpoints(),
            share.tenure(),
            spec.leaseTime());
    this.transactions =
        new LaneTransactions(
            scheduler,
            spec,
            share.partition(),
            tables.connections(),
            tables.parked(),
            new Faults(tables),
            checkpoint,
            progress,
            news);
    this.declines = new Declines(checkpoint);
    this.oneByOne =
        new OneByOne(
            spec.failurePolicy(),
            checkpoint,
            transactions,
            declines,
            lease,
            suspects,
            progress,
            news);
  }

  /** Starts, once an earlier lane of the partition has ended. */
  void start(@Nullable Lane after) {
    predecessor = after;
    String number = share.partitions() == 1 ? "" : "-" + share.partition();
    task = scheduler.start("eventstore-subscription-" + spec.name() + number, this);
  }

  Tenure tenure() {
    return share.tenure();
  }

  Progress.Snapshot progress() {
    return progress.snapshot();
  }

  /** Whether it has come to a position in an incarnation of the server. */
  boolean hasReached(long position, String in) {
    // Asked before and after: in between it may have been set back.
    return incarnation.equals(in)
        && progress.snapshot().position() >= position
        && incarnation.equals(in);
  }

  /** Whether its position is known to be one of an incarnation. */
  boolean isIn(String that) {
    return incarnation.equals(that);
  }

  boolean maySetAside() {
    return transactions.maySetAside();
  }

  /** The lease was renewed: until then nobody else can have it. */
  void renewed(long untilNanos) {
    lease.renewed(untilNanos);
  }

  /** Stops after what is being handled, and gives the lease back. */
  void askToStop() {
    progress.askToStop(task);
  }

  /** Somebody else has the lease. What is being handled cannot be committed any more. */
  void lose() {
    lease.lose();
    progress.askToStop(task);
  }

  boolean isAlive() {
    Task running = task;
    return running != null && running.isAlive();
  }

  void join() throws InterruptedException {
    Task running = task;
    if (running != null) {
      running.join(Long.MAX_VALUE);
    }
  }

  @Override
  public void run() {
    EngineThread.run(this::handleUntilItEnds);
  }

  private void handleUntilItEnds() {
    try {
      awaitPredecessor();
      subscription.began(this);
      while (!progress.isStopping()) {
        try {
          follow();
        } catch (HistoryChangedException | CheckpointMovedException e) {
          LOG.info("{} goes on from its stored checkpoint: {}", this, e.getMessage());
        } catch (InterruptedException e) {
          // Not by closing, which interrupts nothing that would come as far as here.
          LOG.info("{} goes on after an interrupt", this);
        } catch (HandlerFailedException | DeclinedException e) {
          // Whatever the database had to do with it, the handler was found to have failed.
          throw e;
        } catch (SQLException | RuntimeException e) {
          if (Thread.interrupted()) {
            LOG.info("{} goes on after an interrupt: {}", this, Causes.text(e));
          } else if (!SqlErrors.isTransient(e)) {
            throw e;
          } else {
            backOff(e);
          }
        }
      }
      progress.stop();
    } catch (LeaseLostException e) {
      lease.lose();
      progress.stop();
    } catch (DeclinedException e) {
      LOG.warn("{} is given up, for a node that knows more: {}", this, Failure.describe(e));
      progress.stop();
    } catch (HandlerFailedException e) {
      fail(e.failure());
    } catch (Throwable e) {
      // Whatever it was: nothing was skipped, and it must not end unnoticed.
      fail(e);
    } finally {
      subscription.ended(this, lease.isLost());
    }
  }

  /** Two never handle events of one partition at the same time in this process. */
  private void awaitPredecessor() {
    while (predecessor != null && predecessor.isAlive() && !progress.isStopping()) {
      progress.pause(20);
    }
  }

  private void fail(Throwable cause) {
    boolean told;
    try {
      String error = Failure.describe(cause);
      told =
          Failure.isUndecodable(cause) ? checkpoint.stopUndecodable(error) : checkpoint.stop(error);
    } catch (SQLException | RuntimeException e) {
      LOG.warn("Other nodes cannot be told that {} has stopped: {}", this, Causes.text(e));
      told = true;
    }
    if (told) {
      LOG.error(
          "{} stopped at position {}",
          this,
          progress.snapshot().position(),
          Causes.loggable(cause));
      progress.fail(cause);
      subscription.failed(cause);
    } else {
      // The failure may be no more than the next owner's rows being there already.
      LOG.info("{} failed when its tenure was over: {}", this, Causes.text(cause));
      lease.lose();
      progress.stop();
    }
  }

  private void backOff(Exception e) {
    long pause =
        SqlFailure.of(e) == SqlFailure.RACE
            ? Math.min(backOffMillis, LONGEST_AFTER_RACE_MILLIS)
            : backOffMillis;
    news.willTryAgain(checkpoint.position(), e, pause);
    progress.retryAfter(e, pause);
    backOffMillis = Math.min(2 * backOffMillis, LONGEST_BACK_OFF_MILLIS);
  }

  private void follow() throws SQLException, InterruptedException {
    load();
    if (checkpoint.position() >= barrier) {
      // The others have to come to it too. Then the partitions are divided anew, and this one ends.
      subscription.reachedBarrier();
      progress.moveTo(checkpoint.position(), true);
      progress.pause(LOOK_UP.toMillis());
      return;
    }
    ReadingPlace reading = ReadingPlace.of(toString(), Position.of(checkpoint.position()));
    try (PrefetchingReader reader =
        readers.follow(spec.query(), checkpoint.position(), Durability.VISIBLE)) {
      while (!progress.isStopping()) {
        lease.await();
        EventPage page = progress.interruptibly(() -> reader.next(pageSize(), LOOK_UP));
        if (page == null) {
          break;
        }
        incarnation = reader.life();
        handle(reading.advance(page), new Mark(page.highWaterMark().value(), incarnation));
        backOffMillis = FIRST_BACK_OFF_MILLIS;
        if (checkpoint.position() >= barrier) {
          return;
        }
      }
      if (!lease.isLost()) {
        checkpoint.store(progress.snapshot().position(), reader.life());
      }
    }
  }

  private int pageSize() {
    return Math.min(spec.batchSize() * share.partitions(), LONGEST_PAGE);
  }

  private void load() throws SQLException {
    incarnation = "";
    Standing standing =
        tables
            .connections()
            .use(
                connection -> {
                  transactions.load(connection, share);
                  return checkpoint.load(connection);
                });
    barrier = standing.barrier();
    oneByOne.suspect(standing.attempts() > 0 ? spec.batchSize() : 0);
    progress.rewindTo(standing.position());
  }

  private void handle(EventPage page, Mark mark) throws SQLException, InterruptedException {
    long upTo = Math.min(page.upTo().value(), barrier);
    List<RecordedEvent> own = new ArrayList<>();
    for (RecordedEvent event : page.events()) {
      if (event.position().value() <= upTo && share.has(event.stream())) {
        own.add(event);
      }
    }
    // The handler is given parts of it: removing an event there would skip another one here.
    List<RecordedEvent> wanted = Collections.unmodifiableList(own);
    for (int from = 0; from < wanted.size() && !progress.isStopping(); from += spec.batchSize()) {
      int to = Math.min(from + spec.batchSize(), wanted.size());
      List<RecordedEvent> batch = wanted.subList(from, to);
      // Up to the next event: what lies between is not wanted, or other partitions'.
      long reached = to == wanted.size() ? upTo : wanted.get(to - 1).position().value();
      handle(batch, reached, mark);
      lease.await();
    }
    if (progress.isStopping() && !wanted.isEmpty()) {
      return;
    }
    if (wanted.isEmpty() && (checkpoint.isDue() || upTo == barrier)) {
      checkpoint.store(upTo, mark.incarnation());
    }
    moveTo(upTo, mark.position(), page.events().size() >= pageSize());
  }

  private void handle(List<RecordedEvent> batch, long reached, Mark mark)
      throws SQLException, InterruptedException {
    if (oneByOne.suspectsAny()) {
      oneByOne.handle(batch, mark);
    } else {
      try {
        transactions.apply(batch, reached, mark, 1);
      } catch (HandlerFailedException e) {
        news.handlerFailed(checkpoint.position(), e.failure());
        if (spec.failurePolicy().retries() == 0) {
          declines.unlessTheLast(batch.get(0), e);
          throw e;
        }
        oneByOne.handle(batch, mark);
      }
    }
    if (!progress.isStopping()) {
      checkpoint.store(reached, mark.incarnation());
    }
  }

  private void moveTo(long reached, long mark, boolean isFull) {
    progress.moveTo(reached, reached >= mark);
    if (reached >= mark && !caughtUp) {
      caughtUp = true;
      news.caughtUp(reached, mark);
    } else if (reached < mark && caughtUp && isFull) {
      caughtUp = false;
      news.fellBehind(reached, mark);
    }
  }

  @Override
  public String toString() {
    return share.toString();
  }
}
