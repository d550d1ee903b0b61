package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.position.Tokens;
import dev.pgeventstore.kafka.internal.record.OpenParcel;
import dev.pgeventstore.kafka.internal.record.Parcel.Company;
import dev.pgeventstore.kafka.internal.record.RecordMaker;
import dev.pgeventstore.kafka.internal.record.Refusals.Search;
import dev.pgeventstore.spi.RecordedMessage;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Packs events and messages, which stand in one order, into parcels. Where a refused record is
 * looked for, parcels are small and sent alone ({@link Experience#refusals}); a parcel is tied to
 * the database by a token that is drawn after everything in it was read. For one thread.
 */
final class Packing {

  private static final int MOST_MESSAGES = 1_000;

  /** So often a token is drawn for what is only passed over. */
  private static final long BETWEEN_MOVES = Duration.ofSeconds(1).toNanos();

  private final Scheduler scheduler;
  private final LaneContext lane;
  private final RecordMaker maker;
  private final Experience experience;
  private final @Nullable Search search;
  private final ParcelQueue queue;
  private final Tokens tokens;
  private final String incarnation;
  private final Supplier<Optional<Token>> published;

  private Position reached;
  private Position mark = Position.START;
  private OpenParcel parcel = new OpenParcel();
  private Company company = Company.ANY;
  private int portion = 1;
  private Position readUpTo = Position.START;
  private Optional<Token> token = Optional.empty();
  private boolean tokenIsLater;
  private Position covered;
  private long coveredAt;

  /**
   * @param start behind which the events and messages stand
   * @param incarnation of the server, in which they are read
   * @param published the token of the last commit
   */
  Packing(
      LaneContext lane,
      RecordMaker maker,
      Experience experience,
      ParcelQueue queue,
      Position start,
      Tokens tokens,
      String incarnation,
      Supplier<Optional<Token>> published) {
    this.scheduler = lane.settings().scheduler();
    this.lane = lane;
    this.maker = maker;
    this.experience = experience;
    this.search = experience.refusals().search();
    this.queue = queue;
    this.tokens = tokens;
    this.incarnation = incarnation;
    this.published = published;
    this.reached = start;
    this.covered = start;
    this.coveredAt = scheduler.nanoTime() - BETWEEN_MOVES;
  }

  /** Hands over a parcel of nothing: where the lane stands is compared, and it may begin. */
  void begin(Position highWaterMark) throws InterruptedException {
    queue.offer(parcel.buildUncovered(reached, highWaterMark, Company.ANY, null));
    parcel = new OpenParcel();
  }

  /**
   * Packs a page, and what messages lie beside its events.
   *
   * @return false if the lane is to halt
   */
  boolean pack(EventPage page) throws InterruptedException {
    mark = page.highWaterMark();
    try {
      if (page.upTo().isAfter(reached)) {
        add(page);
        hand(null);
      } else if (reached.isAfter(covered) && isTimeToCover()) {
        hand(null);
      }
      return true;
    } catch (RelayHaltedException e) {
      hand(e);
      return false;
    }
  }

  private void add(EventPage page) throws InterruptedException {
    List<RecordedEvent> events = page.events();
    int next = 0;
    List<RecordedMessage> messages;
    do {
      messages =
          lane.feed()
              .messages(
                  lane.spec().name(),
                  lane.number(),
                  lane.spec().lanes(),
                  reached,
                  page.upTo(),
                  MOST_MESSAGES);
      Position end =
          messages.isEmpty() ? page.upTo() : messages.get(messages.size() - 1).position();
      readUpTo = end;
      tokenIsLater = false;
      for (RecordedMessage message : messages) {
        while (next < events.size() && !events.get(next).position().isAfter(message.position())) {
          add(events.get(next++));
        }
        add(message);
      }
      while (next < events.size() && !events.get(next).position().isAfter(end)) {
        add(events.get(next++));
      }
      reached = end;
    } while (!messages.isEmpty());
  }

  private void add(RecordedEvent event) throws InterruptedException {
    next(event.position());
    if (lane.has(event.stream())) {
      maker.add(event, parcel);
    } else {
      parcel.passed(event);
    }
    added(event.position());
  }

  private void add(RecordedMessage message) throws InterruptedException {
    next(message.position());
    maker.add(message, parcel);
    added(message.position());
  }

  private void next(Position next) throws InterruptedException {
    // Events and messages stand in one order, and each is published once.
    if (!next.isAfter(reached)) {
      throw new InvariantBrokenException(
          "%s has prepared all up to position %s, and was given what stands at %s. It was not sent."
              .formatted(lane, reached, next));
    }
    // Where a refused record is looked for, what is sent is sent alone; before it, all else is.
    boolean searched = search != null && search.includes(next);
    if (searched && company == Company.ANY) {
      company = Company.NONE_BEHIND;
      hand(null);
      company = Company.NONE;
    } else if (!searched && company == Company.NONE) {
      hand(null);
      company = Company.ANY;
    }
  }

  private void added(Position position) throws InterruptedException {
    reached = position;
    if (company == Company.NONE && parcel.sources() >= portion) {
      hand(null);
      portion *= 2;
    } else if (parcel.bytes() >= Math.min(ParcelQueue.FULL_BYTES, experience.size().bytes())) {
      hand(null);
    }
  }

  private void hand(@Nullable RelayHaltedException refusal) throws InterruptedException {
    maker.noteTopics(parcel);
    if (!parcel.isAnchoredAt(reached)) {
      // Whatever stands there: a history that was lost from here on must be recognised.
      lane.feed().lastUpTo(reached).ifPresent(parcel::passed);
    }
    if (parcel.isEmpty() && !isTimeToCover()) {
      queue.offer(parcel.buildUncovered(reached, mark, company, refusal));
    } else {
      queue.offer(parcel.build(reached, mark, company, refusal, token()));
      covered = reached;
      coveredAt = scheduler.nanoTime();
    }
    parcel = new OpenParcel();
  }

  private boolean isTimeToCover() {
    return scheduler.nanoTime() - coveredAt >= BETWEEN_MOVES;
  }

  /** One that was drawn after everything in the parcel was read: the parcels of a page share it. */
  private Optional<Token> token() {
    if (!tokenIsLater) {
      published.get().ifPresent(tokens::published);
      token = tokens.draw(readUpTo, incarnation);
      tokenIsLater = true;
    }
    return token;
  }
}
