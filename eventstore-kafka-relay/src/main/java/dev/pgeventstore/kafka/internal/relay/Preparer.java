package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.Position;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.history.History;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.position.Tokens;
import dev.pgeventstore.kafka.internal.record.Parcel;
import dev.pgeventstore.kafka.internal.record.RecordMaker;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.ReadingPlace;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads what is to be published and has it packed into parcels, while the lane sends and commits
 * those before. A thread of its own does that, so the lane never waits for the database while a
 * transaction is open.
 */
final class Preparer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Preparer.class);

  private static final int MOST_EVENTS = 2_000;
  private static final Duration FIRST_WAIT = Duration.ofMillis(1);
  private static final Duration WAIT = Duration.ofMillis(250);
  private static final long BETWEEN_DELETES = Duration.ofMillis(100).toNanos();
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);

  private final Scheduler scheduler;
  private final LaneContext lane;
  private final RecordMaker maker;
  private final History history;
  private final LanePosition start;
  private final Experience experience;
  private final ParcelQueue queue;
  private final Scheduler.Task task;
  private volatile Position published;
  private volatile Optional<Token> publishedUnder = Optional.empty();
  private volatile String incarnation = "";

  // Of the thread alone.
  private Position deleted = Position.START;
  private long deletedAt;

  Preparer(
      String name,
      LaneContext lane,
      RecordMaker maker,
      History history,
      LanePosition start,
      Experience experience) {
    this.scheduler = lane.settings().scheduler();
    this.lane = lane;
    this.maker = maker;
    this.history = history;
    this.start = start;
    this.experience = experience;
    this.queue = new ParcelQueue(scheduler);
    this.published = start.position();
    this.deletedAt = scheduler.nanoTime();
    this.task = scheduler.start(name, this::run);
  }

  /**
   * The next parcel.
   *
   * @return null if none is ready in time
   */
  @Nullable Parcel poll(Duration wait) throws InterruptedException {
    return queue.poll(wait);
  }

  /** Whether a parcel can be had without waiting. */
  boolean hasMore() {
    return queue.hasMore();
  }

  /**
   * What was sent up to here is in Kafka.
   *
   * @param under the token of the last commit
   */
  void published(Position upTo, Optional<Token> under) {
    published = upTo;
    publishedUnder = under;
  }

  /** The incarnation of the server in which all parcels were read; empty before the first. */
  String incarnation() {
    return incarnation;
  }

  private void run() {
    ReadingPlace reading = ReadingPlace.of(lane.toString(), start.position());
    try (FeedReader reader =
        lane.feed().open(lane.spec().query(), start.position(), Durability.FLUSHED)) {
      // The reader ties itself to this incarnation of the server before the history is checked:
      // from here on it fails if the server is not in that incarnation any more.
      EventPage page = reading.advance(reader.next(MOST_EVENTS, FIRST_WAIT));
      Tokens tokens = history.verify(start);
      incarnation = reader.incarnation();
      delete(start.position());
      Packing packing =
          new Packing(
              lane,
              maker,
              experience,
              queue,
              start.position(),
              tokens,
              incarnation,
              () -> publishedUnder);
      packing.begin(page.highWaterMark());
      while (!queue.isClosed()) {
        if (!packing.pack(page)) {
          return;
        }
        deletePublished();
        page = reading.advance(reader.next(MOST_EVENTS, WAIT));
      }
    } catch (InterruptedException e) {
      LOG.debug("Interrupted", e);
      queue.fail(e);
    } catch (RuntimeException | Error e) {
      queue.fail(e);
    }
  }

  private void deletePublished() {
    Position upTo = published;
    if (upTo.isAfter(deleted) && scheduler.nanoTime() - deletedAt > BETWEEN_DELETES) {
      delete(upTo);
      deletedAt = scheduler.nanoTime();
    }
  }

  private void delete(Position upTo) {
    lane.feed().deleteMessages(lane.spec().name(), lane.number(), lane.spec().lanes(), upTo);
    deleted = upTo;
  }

  /** Ends it. Waits for a page that is being read, but not for ever. */
  @Override
  public void close() {
    queue.close();
    try {
      boolean unused = task.join(CLOSE_TIMEOUT.toNanos());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
