package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.feed.EventFeed.Durability;
import dev.pgeventstore.feed.HistoryChangedException;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.ParkedTable;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable.Standing;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable.Tenure;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.subscription.SubscriptionListener.Batch;
import dev.pgeventstore.subscription.SubscriptionSpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
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

  /** A checkpoint that moves over nothing wanted is written this often, and when stopping. */
  private static final long QUIET_CHECKPOINT_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final Duration LOOK_UP = Duration.ofSeconds(1);
  private static final long FIRST_BACK_OFF_MILLIS = 50;
  private static final long LONGEST_BACK_OFF_MILLIS = 5_000;
  private static final int LONGEST_PAGE = 10_000;
  private static final long DONE = -1;

  private final RunningSubscription subscription;
  private final SubscriptionSpec spec;
  private final PostgresFeed feed;
  private final Connections connections;
  private final SubscriptionsTable table;
  private final ParkedTable parking;
  private final ReentrantLock suspects;
  private final Tenure tenure;
  private final int partitions;
  private final Progress progress;
  private final Thread thread;
  private volatile long leasedUntilNanos;
  private volatile boolean lost;
  private @Nullable Lane predecessor;

  // The rest belongs to the lane's thread.

  /** Where the stored checkpoint stands; behind the reader's position while events are filtered. */
  private long stored;

  private long storedAtNanos;
  private long barrier;

  /** How many events are handled alone, because one of them may have ended the last owner. */
  private int suspected;

  /** The event that was begun alone and not ended, since the database failed; -1 for none. */
  private long begun = -1;

  private int begunAttempts;

  private final Set<StreamId> parkedStreams = new HashSet<>();
  private boolean caughtUp;
  private long backOffMillis = FIRST_BACK_OFF_MILLIS;

  Lane(
      RunningSubscription subscription,
      SubscriptionSpec spec,
      PostgresFeed feed,
      Connections connections,
      SubscriptionsTable table,
      ParkedTable parking,
      ReentrantLock suspects,
      Tenure tenure,
      int partitions,
      Progress progress) {
    this.subscription = subscription;
    this.spec = spec;
    this.feed = feed;
    this.connections = connections;
    this.table = table;
    this.parking = parking;
    this.suspects = suspects;
    this.tenure = tenure;
    this.partitions = partitions;
    this.progress = progress;
    this.thread =
        new Thread(
            this,
            "eventstore-subscription-"
                + spec.name()
                + (partitions == 1 ? "" : "-" + tenure.key().partition()));
    thread.setDaemon(true);
  }

  /** Starts, once an earlier lane of the partition has ended. */
  void start(@Nullable Lane after) {
    predecessor = after;
    thread.start();
  }

  Tenure tenure() {
    return tenure;
  }

  Progress.Snapshot progress() {
    return progress.snapshot();
  }

  /** The lease was renewed: until then nobody else can have it. */
  void renewed(long untilNanos) {
    leasedUntilNanos = untilNanos;
  }

  /** Stops after what is being handled, and gives the lease back. */
  void askToStop() {
    progress.askToStop(thread);
  }

  /** Somebody else has the lease. What is being handled cannot be committed any more. */
  void lose() {
    lost = true;
    progress.askToStop(thread);
  }

  boolean isAlive() {
    return thread.isAlive();
  }

  boolean isCurrentThread() {
    return Thread.currentThread() == thread;
  }

  void join() throws InterruptedException {
    thread.join();
  }

  @Override
  public void run() {
    try {
      awaitPredecessor();
      subscription.began(this);
      while (!progress.isStopping()) {
        try {
          follow();
        } catch (HistoryChangedException | CheckpointMovedException e) {
          LOG.info("{} goes on from its stored checkpoint: {}", this, e.getMessage());
        } catch (SQLException | RuntimeException e) {
          if (!SqlErrors.isTransient(e)) {
            throw e;
          }
          backOff(e);
        }
      }
      progress.stop();
    } catch (LeaseLostException e) {
      lost = true;
      progress.stop();
    } catch (HandlerFailedException e) {
      fail(e.failure());
    } catch (Throwable e) {
      // Whatever it was: nothing was skipped, and it must not end unnoticed. That includes an
      // interrupt: closing makes none that comes as far as here, so a handler has left it behind.
      fail(e);
    } finally {
      subscription.ended(this, lost);
    }
  }

  /** Two never handle events of one partition at the same time in this process. */
  private void awaitPredecessor() throws InterruptedException {
    while (predecessor != null && predecessor.isAlive() && !progress.isStopping()) {
      progress.pause(20);
    }
  }

  private void fail(Throwable cause) {
    boolean told = false;
    try {
      told = connections.use(connection -> table.stop(connection, tenure, Failure.describe(cause)));
    } catch (SQLException | RuntimeException e) {
      LOG.warn("Other nodes cannot be told that {} has stopped: {}", this, e.toString());
      told = true;
    }
    if (told) {
      LOG.error("{} stopped at position {}", this, progress.snapshot().position(), cause);
      progress.fail(cause);
      subscription.failed(cause);
    } else {
      // The failure may be no more than the next owner's rows being there already.
      LOG.info("{} failed when its tenure was over: {}", this, cause.toString());
      lost = true;
      progress.stop();
    }
  }

  private void follow() throws SQLException, InterruptedException {
    load();
    if (stored >= barrier) {
      // The others have to come to it too. Then the partitions are divided anew, and this one ends.
      subscription.reachedBarrier();
      progress.moveTo(stored, true);
      progress.pause(LOOK_UP.toMillis());
      return;
    }
    try (PrefetchingReader reader = feed.follow(spec.query(), stored, Durability.VISIBLE)) {
      while (!progress.isStopping()) {
        awaitLease();
        EventPage page = progress.interruptibly(() -> reader.next(pageSize(), LOOK_UP));
        if (page == null) {
          break;
        }
        handle(page, reader.incarnation());
        backOffMillis = FIRST_BACK_OFF_MILLIS;
        if (stored >= barrier) {
          return;
        }
      }
      if (!lost) {
        storeQuietly(progress.snapshot().position(), reader.incarnation());
      }
    }
  }

  private int pageSize() {
    return Math.min(spec.batchSize() * partitions, LONGEST_PAGE);
  }

  private void load() throws SQLException {
    Standing standing =
        connections.use(
            connection -> {
              parkedStreams.clear();
              parking.streams(connection, spec.name()).stream()
                  .filter(this::isOwn)
                  .forEach(parkedStreams::add);
              return table
                  .standing(connection, tenure)
                  .orElseThrow(() -> new LeaseLostException("its tenure is over"));
            });
    stored(standing.position());
    barrier = standing.barrier();
    suspected = standing.attempts() > 0 ? spec.batchSize() : 0;
    progress.rewindTo(stored);
  }

  /** Nothing is begun when somebody else may have the lease; to end it would be in vain. */
  private void awaitLease() throws InterruptedException {
    while (leasedUntilNanos - System.nanoTime() <= 0 && !progress.isStopping()) {
      progress.pause(100);
    }
  }

  private boolean isOwn(StreamId stream) {
    return Partitions.of(stream, partitions) == tenure.key().partition();
  }

  private void handle(EventPage page, String incarnation)
      throws SQLException, InterruptedException {
    long upTo = Math.min(page.upTo().value(), barrier);
    List<RecordedEvent> own = new ArrayList<>();
    for (RecordedEvent event : page.events()) {
      if (event.position().value() <= upTo && isOwn(event.stream())) {
        own.add(event);
      }
    }
    for (int from = 0; from < own.size() && !progress.isStopping(); from += spec.batchSize()) {
      int to = Math.min(from + spec.batchSize(), own.size());
      List<RecordedEvent> batch = own.subList(from, to);
      // Up to the next event: what lies between is not wanted, or other partitions'.
      long reached = to == own.size() ? upTo : own.get(to - 1).position().value();
      handle(batch, reached, page, incarnation);
      awaitLease();
    }
    if (progress.isStopping() && !own.isEmpty()) {
      return;
    }
    if (own.isEmpty()
        && (System.nanoTime() - storedAtNanos > QUIET_CHECKPOINT_NANOS || upTo == barrier)) {
      storeQuietly(upTo, incarnation);
    }
    moveTo(upTo, page.highWaterMark().value(), page.events().size() >= pageSize());
  }

  private void moveTo(long reached, long mark, boolean isFull) {
    progress.moveTo(reached, reached >= mark);
    if (reached >= mark && !caughtUp) {
      caughtUp = true;
      subscription.tell(
          listener ->
              listener.caughtUp(spec.name(), tenure.key().partition(), Position.of(reached)));
    } else if (reached < mark && caughtUp && isFull) {
      caughtUp = false;
      subscription.tell(
          listener ->
              listener.fellBehind(
                  spec.name(), tenure.key().partition(), Position.of(reached), Position.of(mark)));
    }
  }

  private void handle(List<RecordedEvent> batch, long reached, EventPage page, String incarnation)
      throws SQLException, InterruptedException {
    if (suspected > 0) {
      handleOneByOne(batch, page, incarnation);
      suspected -= batch.size();
      if (suspected <= 0) {
        forgetAttempts();
      }
    } else {
      try {
        apply(batch, reached, page, incarnation);
      } catch (HandlerFailedException e) {
        failed(e.failure());
        if (spec.failurePolicy().retries() == 0) {
          throw e;
        }
        handleOneByOne(batch, page, incarnation);
        forgetAttempts();
      }
    }
    if (!progress.isStopping()) {
      storeQuietly(reached, incarnation);
    }
  }

  /** Handles events in a transaction together with the checkpoint. */
  private void apply(List<RecordedEvent> events, long reached, EventPage page, String incarnation)
      throws SQLException {
    long started = System.nanoTime();
    List<RecordedEvent> parked;
    try {
      parked =
          connections.inTransaction(
              connection -> {
                List<RecordedEvent> aside = setAside(connection, events);
                handle(connection, without(events, aside));
                advance(connection, reached, incarnation);
                return aside;
              });
    } catch (CheckpointMovedException | HandlerFailedException | HistoryChangedException e) {
      throw e;
    } catch (SQLException | RuntimeException e) {
      // Also what only the commit has found: a constraint that was deferred is the handler's.
      if (SqlErrors.isTransient(e)) {
        throw e;
      }
      throw new HandlerFailedException(e);
    }
    stored(reached);
    progress.moveTo(reached, false);
    for (RecordedEvent event : parked) {
      tellParked(event, 0, Optional.empty());
    }
    Duration took = Duration.ofNanos(System.nanoTime() - started);
    subscription.tell(
        listener ->
            listener.applied(
                new Batch(
                    spec.name(),
                    tenure.key().partition(),
                    events.size() - parked.size(),
                    Position.of(reached),
                    page.highWaterMark(),
                    took)));
  }

  private static List<RecordedEvent> without(
      List<RecordedEvent> events, List<RecordedEvent> aside) {
    return aside.isEmpty() ? events : events.stream().filter(e -> !aside.contains(e)).toList();
  }

  private void handle(Connection connection, List<RecordedEvent> events) {
    if (events.isEmpty()) {
      return;
    }
    try {
      spec.handler().handle(events, connection);
    } catch (Exception e) {
      if (SqlErrors.isTransient(e)) {
        throw new EventStoreException("the database failed while events were handled", e);
      }
      throw new HandlerFailedException(e);
    }
  }

  /** Parks the events of streams that are parked, and remembers which are so no more. */
  private List<RecordedEvent> setAside(Connection connection, List<RecordedEvent> events)
      throws SQLException {
    if (parkedStreams.isEmpty()) {
      return List.of();
    }
    Set<StreamId> suspects = new HashSet<>();
    for (RecordedEvent event : events) {
      if (parkedStreams.contains(event.stream())) {
        suspects.add(event.stream());
      }
    }
    if (suspects.isEmpty()) {
      return List.of();
    }
    Set<StreamId> parked = parking.hold(connection, spec.name(), suspects);
    suspects.removeAll(parked);
    // A stream is parked by this lane only, so once it is not, it stays so until this lane knows.
    parkedStreams.removeAll(suspects);
    List<RecordedEvent> aside = new ArrayList<>();
    for (RecordedEvent event : events) {
      if (parked.contains(event.stream())) {
        parking.parkEvent(connection, spec.name(), event, 0, Optional.empty());
        aside.add(event);
      }
    }
    return aside;
  }

  /** Handles each event alone, so that it is known which one fails. */
  private void handleOneByOne(List<RecordedEvent> events, EventPage page, String incarnation)
      throws SQLException, InterruptedException {
    for (RecordedEvent event : events) {
      if (event.position().value() > stored) {
        handleAlone(event, page, incarnation);
      }
      if (progress.isStopping()) {
        return;
      }
    }
  }

  private void handleAlone(RecordedEvent event, EventPage page, String incarnation)
      throws SQLException, InterruptedException {
    while (!progress.isStopping()) {
      awaitLease();
      long pause =
          suspected > 0 ? trySuspect(event, page, incarnation) : tryAlone(event, page, incarnation);
      if (pause == DONE) {
        return;
      }
      progress.pause(pause);
    }
  }

  /**
   * Suspects of all lanes take turns, so that the end of this process is put down to none that was
   * handled beside the culprit.
   */
  private long trySuspect(RecordedEvent event, EventPage page, String incarnation)
      throws SQLException, InterruptedException {
    if (!suspects.tryLock(LOOK_UP.toMillis(), TimeUnit.MILLISECONDS)) {
      return 0;
    }
    try {
      return tryAlone(event, page, incarnation);
    } finally {
      suspects.unlock();
    }
  }

  /**
   * Tries an event once. Returns after how many milliseconds to try it again, if it is not done.
   */
  private long tryAlone(RecordedEvent event, EventPage page, String incarnation)
      throws SQLException {
    FailurePolicy policy = spec.failurePolicy();
    int most = Math.max(1, policy.retries());
    int attempts = begin(event);
    if (attempts > most) {
      giveUp(
          event,
          attempts - 1,
          new EventStoreException(
              "the process that handled the event at position %s ended, %d times"
                  .formatted(event.position(), attempts - 1)),
          incarnation);
      return DONE;
    }
    try {
      apply(List.of(event), event.position().value(), page, incarnation);
      begun = -1;
      return DONE;
    } catch (HandlerFailedException e) {
      begun = -1;
      failed(e.failure());
      if (attempts >= most) {
        giveUp(event, attempts, e.failure(), incarnation);
        return DONE;
      }
      progress.retrying(e.failure());
      return policy.backOff(attempts).toMillis();
    }
  }

  /**
   * Counts an attempt, unless it is the one that the database has cut off: this process lives, and
   * so does its handler.
   */
  private int begin(RecordedEvent event) throws SQLException {
    long position = event.position().value();
    if (begun != position) {
      OptionalInt attempts = connections.use(c -> table.countAttempt(c, tenure, position));
      begunAttempts = attempts.orElseThrow(() -> new LeaseLostException("its tenure is over"));
      begun = position;
    }
    return begunAttempts;
  }

  private void forgetAttempts() throws SQLException {
    connections.use(
        connection -> {
          table.forgetAttempts(connection, tenure);
          return tenure;
        });
  }

  private void giveUp(RecordedEvent event, int attempts, Throwable cause, String incarnation)
      throws SQLException {
    if (!spec.failurePolicy().parks()) {
      throw new HandlerFailedException(cause);
    }
    Optional<String> error = Optional.of(Failure.describe(cause));
    long position = event.position().value();
    connections.inTransaction(
        connection -> {
          parking.parkStream(connection, spec.name(), event.stream());
          parking.parkEvent(connection, spec.name(), event, attempts, error);
          advance(connection, position, incarnation);
          return position;
        });
    parkedStreams.add(event.stream());
    stored(position);
    progress.moveTo(position, false);
    LOG.warn("{} has parked {} at position {}", this, event.stream(), position, cause);
    tellParked(event, attempts, error);
  }

  private void tellParked(RecordedEvent event, int attempts, Optional<String> error) {
    ParkedEvent parked =
        new ParkedEvent(
            event.stream(), event.version(), event.position(), attempts, error, Instant.now());
    subscription.tell(listener -> listener.parked(spec.name(), tenure.key().partition(), parked));
  }

  private void storeQuietly(long upTo, String incarnation) throws SQLException {
    if (upTo > stored) {
      connections.inTransaction(
          connection -> {
            advance(connection, upTo, incarnation);
            return upTo;
          });
      stored(upTo);
    }
    storedAtNanos = System.nanoTime();
  }

  private void stored(long upTo) {
    stored = upTo;
    storedAtNanos = System.nanoTime();
  }

  private void advance(Connection connection, long to, String incarnation) throws SQLException {
    if (!table.advance(connection, tenure, stored, to, incarnation, spec.leaseTime())) {
      throw new CheckpointMovedException(
          "its tenure is over, its checkpoint no longer stands at %d, it may not go as far as %d, or the server was restarted"
              .formatted(stored, to));
    }
  }

  private void failed(Throwable cause) {
    LOG.warn("{} failed behind position {}: {}", this, stored, cause.toString());
    subscription.tell(
        listener ->
            listener.failed(spec.name(), tenure.key().partition(), Position.of(stored), cause));
  }

  private void backOff(Exception e) throws InterruptedException {
    LOG.warn("{} tries again in {} ms: {}", this, backOffMillis, e.toString());
    subscription.tell(
        listener -> listener.failed(spec.name(), tenure.key().partition(), Position.of(stored), e));
    progress.retryAfter(e, backOffMillis);
    backOffMillis = Math.min(2 * backOffMillis, LONGEST_BACK_OFF_MILLIS);
  }

  @Override
  public String toString() {
    return partitions == 1
        ? "Subscription " + spec.name()
        : "Subscription %s, partition %d of %d"
            .formatted(spec.name(), tenure.key().partition(), partitions);
  }

  /** Somebody else has handled these events, or this is another server: nothing may commit. */
  private static final class CheckpointMovedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CheckpointMovedException(String message) {
      super(message);
    }
  }

  /** Another tenure has begun, or will. */
  private static final class LeaseLostException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    LeaseLostException(String message) {
      super(message);
    }
  }

  /** The handler failed, and not because of the database. */
  private static final class HandlerFailedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Throwable failure;

    HandlerFailedException(Throwable failure) {
      super(failure);
      this.failure = failure;
    }

    Throwable failure() {
      return failure;
    }
  }
}
