package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.RelayHaltedException;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.history.History;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.position.Tokens;
import dev.pgeventstore.kafka.internal.record.Parcel;
import dev.pgeventstore.kafka.internal.record.Parcel.Company;
import dev.pgeventstore.kafka.internal.record.ParcelBuilder;
import dev.pgeventstore.kafka.internal.record.RecordMaker;
import dev.pgeventstore.kafka.internal.record.Refusals.Search;
import dev.pgeventstore.kafka.internal.writer.TransactionSize;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.ReadingPlace;
import dev.pgeventstore.spi.RecordedMessage;
import dev.pgeventstore.subscription.Partitions;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads what is to be published and packs it into parcels, while the lane sends and commits those
 * before. Events and messages stand in one order. A thread of its own does that, so the lane never
 * waits for the database while a transaction is open.
 */
final class Preparer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Preparer.class);

  private static final int MOST_EVENTS = 2_000;
  private static final int MOST_MESSAGES = 1_000;

  /** Small: what waits is what the garbage collector has to copy. */
  private static final long FULL_BYTES = 128L * 1024;

  /** Enough to go on with after a commit, while the next ones are prepared. */
  private static final long MOST_BYTES_WAITING = 12 * FULL_BYTES;

  private static final Duration FIRST_WAIT = Duration.ofMillis(1);
  private static final Duration WAIT = Duration.ofMillis(250);
  private static final long BETWEEN_DELETES = Duration.ofMillis(100).toNanos();

  /** So often a token is drawn for what is only passed over. */
  private static final long BETWEEN_MOVES = Duration.ofSeconds(1).toNanos();

  private static final Duration FAREWELL = Duration.ofSeconds(5);

  private final Scheduler scheduler;
  private final RelaySpec spec;
  private final int lane;
  private final EventFeed feed;
  private final RecordMaker maker;
  private final History history;
  private final LanePosition start;
  private final @Nullable Search search;
  private final TransactionSize size;
  private final Scheduler.Task task;

  private final Lock lock;
  private final Condition changed;
  private final Deque<Parcel> ready = new ArrayDeque<>();
  private long waiting;
  private @Nullable Throwable failure;
  private boolean closed;
  private Position published;
  private Optional<Token> publishedUnder = Optional.empty();
  private String life = "";

  // Of the thread alone.
  private Position deleted = Position.START;
  private long deletedAt;
  private Position reached;
  private Position mark = Position.START;
  private ParcelBuilder parcel = new ParcelBuilder();
  private Company company = Company.ANY;
  private int portion = 1;
  private Position readUpTo = Position.START;
  private Optional<Token> token = Optional.empty();
  private boolean tokenIsLater;
  private Position covered;
  private long coveredAt;

  Preparer(
      Scheduler scheduler,
      String name,
      RelaySpec spec,
      int lane,
      EventFeed feed,
      RecordMaker maker,
      History history,
      LanePosition start,
      Experience experience) {
    this.scheduler = scheduler;
    this.lock = scheduler.newLock();
    this.changed = lock.newCondition();
    this.deletedAt = scheduler.nanoTime();
    this.search = experience.refusals().search();
    this.size = experience.size();
    this.spec = spec;
    this.lane = lane;
    this.feed = feed;
    this.maker = maker;
    this.history = history;
    this.start = start;
    this.published = start.position();
    this.reached = start.position();
    this.covered = start.position();
    this.coveredAt = scheduler.nanoTime() - BETWEEN_MOVES;
    this.task = scheduler.start(name, this::run);
  }

  /**
   * The next parcel.
   *
   * @return null if none is ready in time
   */
  @Nullable Parcel poll(Duration wait) throws InterruptedException {
    lock.lock();
    try {
      long left = wait.toNanos();
      while (ready.isEmpty()) {
        if (failure != null) {
          rethrow(failure);
        }
        if (left <= 0) {
          return null;
        }
        left = changed.awaitNanos(left);
      }
      Parcel next = ready.remove();
      waiting -= weight(next);
      changed.signalAll();
      return next;
    } finally {
      lock.unlock();
    }
  }

  private static void rethrow(Throwable failure) {
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
    throw new IllegalStateException(Causes.text(failure), failure);
  }

  /** Whether a parcel can be had without waiting. */
  boolean hasMore() {
    return locked(() -> !ready.isEmpty());
  }

  /**
   * What was sent up to here is in Kafka.
   *
   * @param under the token of the last commit
   */
  void published(Position upTo, Optional<Token> under) {
    lock.lock();
    try {
      published = upTo;
      publishedUnder = under;
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    ReadingPlace reading = ReadingPlace.of(lane(), start.position());
    try (FeedReader reader = feed.open(spec.query(), start.position(), Durability.FLUSHED)) {
      // The reader ties itself to this life of the server before the history is checked: from here
      // on it fails if the server is not in that life any more.
      EventPage page = reading.advance(reader.next(MOST_EVENTS, FIRST_WAIT));
      Tokens tokens = history.verify(start);
      readsIn(reader.life());
      feed.deleteMessages(spec.name(), lane, spec.lanes(), start.position());
      deleted = start.position();
      offer(parcel.buildUncovered(start.position(), page.highWaterMark(), Company.ANY, null));
      parcel = new ParcelBuilder();
      while (!isClosed()) {
        mark = page.highWaterMark();
        if (!pack(page, tokens)) {
          return;
        }
        if (reached.isAfter(covered) && isTimeToCover()) {
          hand(null, tokens);
        }
        deleteMessages();
        page = reading.advance(reader.next(MOST_EVENTS, WAIT));
      }
    } catch (InterruptedException e) {
      LOG.debug("Interrupted", e);
      fail(e);
    } catch (RuntimeException | Error e) {
      fail(e);
    }
  }

  private String lane() {
    return "lane %d of relay %s".formatted(lane, spec.name());
  }

  /** Packs a page, and what messages lie beside its events. Tells whether to go on. */
  private boolean pack(EventPage page, Tokens tokens) throws InterruptedException {
    if (!page.upTo().isAfter(reached)) {
      return true;
    }
    List<RecordedEvent> events = page.events();
    int next = 0;
    List<RecordedMessage> messages;
    do {
      messages =
          feed.messages(spec.name(), lane, spec.lanes(), reached, page.upTo(), MOST_MESSAGES);
      Position end =
          messages.isEmpty() ? page.upTo() : messages.get(messages.size() - 1).position();
      readUpTo = end;
      tokenIsLater = false;
      int message = 0;
      while (true) {
        boolean hasEvent = next < events.size() && !events.get(next).position().isAfter(end);
        boolean hasMessage = message < messages.size();
        if (!hasEvent && !hasMessage) {
          break;
        }
        boolean eventFirst =
            hasEvent
                && (!hasMessage
                    || messages.get(message).position().isAfter(events.get(next).position()));
        if (!(eventFirst
            ? add(events.get(next++), tokens)
            : add(messages.get(message++), tokens))) {
          return false;
        }
      }
      reached = end;
    } while (!messages.isEmpty());
    hand(null, tokens);
    return true;
  }

  private boolean add(RecordedEvent event, Tokens tokens) throws InterruptedException {
    requireNext(event.position());
    cutBefore(event.position(), tokens);
    try {
      if (spec.lanes() == 1 || Partitions.of(event.stream(), spec.lanes()) == lane) {
        maker.add(event, parcel);
      } else {
        parcel.passed(event);
      }
      return added(event.position(), tokens);
    } catch (RelayHaltedException e) {
      return refused(e, tokens);
    }
  }

  private boolean add(RecordedMessage message, Tokens tokens) throws InterruptedException {
    requireNext(message.position());
    cutBefore(message.position(), tokens);
    try {
      maker.add(message, parcel);
      return added(message.position(), tokens);
    } catch (RelayHaltedException e) {
      return refused(e, tokens);
    }
  }

  /** Events and messages stand in one order, and each is published once. */
  private void requireNext(Position position) {
    if (!position.isAfter(reached)) {
      throw new InvariantBrokenException(
          "%s has prepared all up to position %s, and was given what stands at %s. It was not sent."
              .formatted(lane(), reached, position));
    }
  }

  /** Where a refused record is looked for, what is sent is sent alone; before it, all else is. */
  private void cutBefore(Position next, Tokens tokens) throws InterruptedException {
    boolean searched = search != null && search.includes(next);
    if (searched && company == Company.ANY) {
      company = Company.NONE_BEHIND;
      hand(null, tokens);
      company = Company.NONE;
    } else if (!searched && company == Company.NONE) {
      hand(null, tokens);
      company = Company.ANY;
    }
  }

  private boolean added(Position position, Tokens tokens) throws InterruptedException {
    reached = position;
    if (company == Company.NONE && parcel.sources() >= portion) {
      hand(null, tokens);
      portion *= 2;
    } else if (parcel.bytes() >= Math.min(FULL_BYTES, size.bytes())) {
      hand(null, tokens);
    }
    return true;
  }

  private boolean refused(RelayHaltedException why, Tokens tokens) throws InterruptedException {
    hand(why, tokens);
    return false;
  }

  private void hand(@Nullable RelayHaltedException refusal, Tokens tokens)
      throws InterruptedException {
    maker.noteTopics(parcel);
    if (!parcel.isAnchoredAt(reached)) {
      // Whatever stands there: a history that was lost from here on must be recognised.
      feed.lastUpTo(reached).ifPresent(parcel::passed);
    }
    if (parcel.isEmpty() && !isTimeToCover()) {
      offer(parcel.buildUncovered(reached, mark, company, refusal));
    } else {
      offer(parcel.build(reached, mark, company, refusal, token(tokens)));
      covered = reached;
      coveredAt = scheduler.nanoTime();
    }
    parcel = new ParcelBuilder();
  }

  private boolean isTimeToCover() {
    return scheduler.nanoTime() - coveredAt >= BETWEEN_MOVES;
  }

  /** One that was drawn after everything in the parcel was read: the parcels of a page share it. */
  private Optional<Token> token(Tokens tokens) {
    if (!tokenIsLater) {
      locked(() -> publishedUnder).ifPresent(tokens::published);
      token = tokens.draw(readUpTo, life());
      tokenIsLater = true;
    }
    return token;
  }

  private void offer(Parcel next) throws InterruptedException {
    lock.lock();
    try {
      while (waiting >= MOST_BYTES_WAITING && !closed) {
        changed.await();
      }
      ready.add(next);
      waiting += weight(next);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Those with little in them are not to become many either. */
  private static long weight(Parcel parcel) {
    return Math.max(FULL_BYTES, parcel.bytes());
  }

  private void deleteMessages() {
    Position upTo = publishedPosition();
    if (upTo.isAfter(deleted) && scheduler.nanoTime() - deletedAt > BETWEEN_DELETES) {
      feed.deleteMessages(spec.name(), lane, spec.lanes(), upTo);
      deleted = upTo;
      deletedAt = scheduler.nanoTime();
    }
  }

  private void readsIn(String lifeOfServer) {
    lock.lock();
    try {
      life = lifeOfServer;
    } finally {
      lock.unlock();
    }
  }

  /** The life of the server in which all parcels were read; empty before the first. */
  String life() {
    return locked(() -> life);
  }

  private Position publishedPosition() {
    return locked(() -> published);
  }

  private boolean isClosed() {
    return locked(() -> closed);
  }

  private void fail(Throwable cause) {
    lock.lock();
    try {
      failure = cause;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private <T> T locked(Supplier<T> read) {
    lock.lock();
    try {
      return read.get();
    } finally {
      lock.unlock();
    }
  }

  /** Ends it. Waits for a page that is being read, but not for ever. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      ready.clear();
      waiting = 0;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    try {
      boolean unused = task.join(FAREWELL.toNanos());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
