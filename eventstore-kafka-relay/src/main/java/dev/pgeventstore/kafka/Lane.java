package dev.pgeventstore.kafka;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.feed.EventFeed;
import dev.pgeventstore.feed.EventFeed.Durability;
import dev.pgeventstore.feed.FeedReader;
import dev.pgeventstore.kafka.LanePosition.Anchor;
import dev.pgeventstore.kafka.LanePosition.Layout;
import dev.pgeventstore.kafka.RelayStatus.State;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The work of a lane: lead, take over from the last position, publish page after page. One thread
 * runs it.
 *
 * <p>The order in {@link #lead} is what makes events arrive once: a position that is read before
 * the others are fenced may be one that they still move.
 */
final class Lane implements Runnable {

  private static final Logger LOG = LoggerFactory.getLogger(Lane.class);

  private static final int LANES = 1;
  private static final int LANE = 0;

  private static final Duration FIRST_WAIT = Duration.ofMillis(1);
  private static final Duration WAIT = Duration.ofMillis(250);
  private static final Duration STANDBY_PAUSE = Duration.ofMillis(500);
  private static final Duration SHORTEST_BETWEEN_MOVES = Duration.ofSeconds(1);

  private final RelaySpec spec;
  private final EventFeed feed;
  private final KafkaSettings settings;
  private final Leadership leadership;
  private final Progress progress;
  private final StopSignal stop;
  private final Backoff backoff = new Backoff();

  Lane(
      RelaySpec spec,
      EventFeed feed,
      KafkaSettings settings,
      Leadership leadership,
      Progress progress,
      StopSignal stop) {
    this.spec = spec;
    this.feed = feed;
    this.settings = settings;
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
      progress.enter(State.STOPPED);
    } catch (InterruptedException e) {
      LOG.info("Relay {} was interrupted", spec.name());
      progress.enter(State.STOPPED);
    } catch (RuntimeException | Error e) {
      LOG.error("Relay {} has halted", spec.name(), e);
      progress.halted(e);
    } finally {
      leadership.release();
    }
  }

  private void leadOrWait() throws InterruptedException {
    try {
      if (leadership.acquire()) {
        lead();
      } else {
        progress.enter(State.STANDBY);
        stop.pause(STANDBY_PAUSE);
      }
    } catch (RelayHaltedException e) {
      throw e;
    } catch (RuntimeException e) {
      Throwable hopeless = Failures.hopeless(e);
      if (hopeless != null) {
        throw new RelayHaltedException(
            "Kafka refuses, and would do so again: " + e + ". Mend that, then start the relay", e);
      }
      if (Failures.isFenced(e)) {
        progress.fenced();
      }
      LOG.warn(
          "Relay {} starts again from the position in Kafka after {}", spec.name(), e.toString());
      LOG.debug("In full", e);
      progress.retrying(e);
      stop.pause(backoff.next());
    }
  }

  private void lead() throws InterruptedException {
    String databaseId = feed.databaseId();
    PositionTopic positions =
        new PositionTopic(spec.positionTopicName(databaseId), LANES, spec.topic());
    int partitions = requireTopics(positions);
    if (!leadership.confirm()) {
      return;
    }
    try (LaneProducer producer =
        new LaneProducer(settings, spec.transactionalId(databaseId, LANE), positions, LANE)) {
      producer.takeOver();
      // Whoever lost the lease meanwhile must not go on: two relays would fence each other in
      // turns.
      if (!leadership.confirm()) {
        return;
      }
      LaneState state = load(positions, partitions, databaseId, producer);
      follow(producer, state, databaseId);
    }
  }

  private int requireTopics(PositionTopic positions) throws InterruptedException {
    try (Topics topics = new Topics(settings, stop)) {
      int partitions = targetPartitions(topics);
      positions.require(topics, partitions, spec.startAfter().isPresent());
      return partitions;
    }
  }

  private int targetPartitions(Topics topics) throws InterruptedException {
    return topics
        .awaitPartitions(spec.topic())
        .orElseThrow(
            () ->
                new RelayHaltedException(
                    "topic %s does not exist: create it, with as many partitions as it will ever need"
                        .formatted(spec.topic())));
  }

  private LaneState load(
      PositionTopic positions, int partitions, String databaseId, LaneProducer producer)
      throws InterruptedException {
    try (Topics topics = new Topics(settings, stop)) {
      PositionTopic.Content content = positions.read(topics, settings, LANE);
      Optional<LanePosition> found = content.position();
      if (found.isPresent()) {
        requireLayout(found.get().layout(), partitions);
        return new LaneState(found.get(), content.lastSent());
      }
      if (spec.startAfter().isEmpty() && topics.wasWrittenTo(spec.topic(), partitions)) {
        throw positions.lost("has no position");
      }
      LanePosition start = start(databaseId, partitions);
      LaneState state = new LaneState(start, content.lastSent());
      // In a transaction of its own: from now on there is a position, whatever the first events
      // come to.
      transact(() -> producer.moveTo(state, start));
      return state;
    }
  }

  private LanePosition start(String databaseId, int partitions) {
    Position position = spec.startAfter().orElse(Position.START);
    if (position.isAfter(feed.highWaterMark())) {
      throw new IllegalStateException(
          "start %s lies beyond the high-water mark: events may still appear below it"
              .formatted(position));
    }
    Optional<Anchor> anchor = feed.eventAt(position).map(Anchor::of);
    return new LanePosition(position, anchor, databaseId, new Layout(LANES, partitions));
  }

  private void requireLayout(Layout recorded, int partitions) {
    if (recorded.lanes() != LANES) {
      throw new RelayHaltedException(
          "the relay ran with %d lanes, and has %d now: streams would change their lanes"
              .formatted(recorded.lanes(), LANES));
    }
    if (recorded.partitions() > partitions) {
      throw new RelayHaltedException(
          "topic %s had %d partitions when the relay first ran, and has %d now: it is another topic"
              .formatted(spec.topic(), recorded.partitions(), partitions));
    }
    if (recorded.partitions() < partitions) {
      LOG.warn(
          "Topic {} has grown from {} to {} partitions. Relay {} goes on using the first {}, or streams would change theirs",
          spec.topic(),
          recorded.partitions(),
          partitions,
          spec.name(),
          recorded.partitions());
    }
  }

  private void follow(LaneProducer producer, LaneState state, String databaseId)
      throws InterruptedException {
    CloudEventRecords records =
        new CloudEventRecords(
            spec.topic(),
            new Partitioner(state.position().layout().partitions()),
            settings.maxRequestSize(),
            spec.sourceUri(databaseId),
            spec.name(),
            LANE);
    PageSize pageSize = new PageSize();
    long moved = System.nanoTime();
    try (FeedReader reader =
        feed.open(spec.query(), state.position().position(), Durability.FLUSHED)) {
      // The reader has tied itself to this life of the server before the history is checked: from
      // here on it fails if the server is not in that life any more.
      EventPage page = reader.next(pageSize.limit(), FIRST_WAIT);
      new History(feed, spec.topic()).verify(state.position(), databaseId);
      state.adopt(databaseId);
      LOG.info("Relay {} leads from position {}", spec.name(), state.position().position());
      progress.reached(state.position().position(), page.highWaterMark());
      progress.enter(State.LEADING);
      while (true) {
        if (!page.events().isEmpty()) {
          publish(page, records, producer, state, pageSize);
          backoff.reset();
          moved = System.nanoTime();
        } else if (System.nanoTime() - moved > SHORTEST_BETWEEN_MOVES.toNanos()) {
          passOver(page.upTo(), producer, state);
          moved = System.nanoTime();
        }
        progress.reached(page.upTo(), page.highWaterMark());
        if (stop.isRequested() || !leadership.keep()) {
          return;
        }
        page = reader.next(pageSize.limit(), WAIT);
      }
    }
  }

  private void publish(
      EventPage page,
      CloudEventRecords records,
      LaneProducer producer,
      LaneState state,
      PageSize pageSize) {
    List<Outgoing> ready = new ArrayList<>(page.events().size());
    RelayHaltedException refusal = null;
    long bytes = 0;
    for (RecordedEvent event : page.events()) {
      try {
        Outgoing record = records.record(event, state);
        bytes += record.bytes();
        ready.add(record);
      } catch (RelayHaltedException e) {
        refusal = e;
        break;
      }
    }
    send(ready, producer, state);
    if (refusal != null) {
      throw refusal;
    }
    pageSize.handled(page.events().size(), bytes);
  }

  private void send(List<Outgoing> ready, LaneProducer producer, LaneState state) {
    int done = 0;
    while (done < ready.size()) {
      List<Outgoing> rest = ready.subList(done, ready.size());
      done += transact(() -> producer.send(rest, state));
    }
  }

  /** Keeps the position in Kafka from falling behind while nothing is wanted. */
  private void passOver(Position upTo, LaneProducer producer, LaneState state) {
    if (upTo.isAfter(state.position().position())) {
      // Without an event to recognise the history by, the position stays where it is.
      feed.eventAt(upTo)
          .map(event -> state.position().at(Anchor.of(event)))
          .ifPresent(reached -> transact(() -> producer.moveTo(state, reached)));
    }
  }

  /** Runs a transaction, which tells how many events it has. */
  private int transact(IntSupplier transaction) {
    boolean committed = false;
    try {
      int events = transaction.getAsInt();
      committed = true;
      progress.committed(events);
      return events;
    } finally {
      if (!committed) {
        progress.aborted();
      }
    }
  }
}
