package dev.pgeventstore.kafka.internal.operate;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.kafka.ParkedStream;
import dev.pgeventstore.kafka.internal.RelayHaltedException;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.ParkedNote;
import dev.pgeventstore.kafka.internal.record.Failures;
import dev.pgeventstore.kafka.internal.record.ParcelBuilder;
import dev.pgeventstore.kafka.internal.record.RecordMaker;
import dev.pgeventstore.kafka.internal.record.RecordRefusedException;
import dev.pgeventstore.kafka.internal.relay.LaneAccess;
import java.time.Instant;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.KafkaException;

/** Publishes what waits of a parked stream, a transaction for some events at a time. */
public final class ParkedRetry {

  private static final int EVENTS_AT_A_TIME = 500;
  private static final long BYTES_AT_A_TIME = 1024L * 1024;

  private final RelaySpec spec;
  private final EventStore store;
  private final LaneAccess access;
  private final LaneNotes notes;
  private final RecordMaker maker;
  private final AtomicInteger published;

  /**
   * A retry.
   *
   * @param published counts the events as they are committed
   */
  public ParkedRetry(
      RelaySpec spec,
      EventStore store,
      LaneAccess access,
      LaneNotes notes,
      AtomicInteger published) {
    this.spec = spec;
    this.store = store;
    this.access = access;
    this.notes = notes;
    this.maker = access.maker(notes);
    this.published = published;
  }

  public static ParkedStream require(LaneNotes notes, StreamId stream) {
    ParkedStream parked = notes.parked().get(stream);
    if (parked == null) {
      throw new NoSuchElementException("stream " + stream + " is not parked");
    }
    return parked;
  }

  /** Publishes it in as few transactions as is reasonable. */
  public void inLargeParts(StreamId stream) throws InterruptedException {
    run(stream, EVENTS_AT_A_TIME);
  }

  /**
   * Publishes it in a transaction for each event, because Kafka has refused one of them.
   *
   * @throws IllegalStateException if it does again; those before are published, and the stream
   *     stays parked from that one on
   */
  public void oneByOne(StreamId stream) throws InterruptedException {
    run(stream, 1);
  }

  private void run(StreamId stream, int eventsAtATime) throws InterruptedException {
    ParkedStream parked = require(notes, stream);
    Position reached = access.position(notes).position();
    int inParcel = 0;
    ParcelBuilder parcel = new ParcelBuilder();
    Iterator<RecordedEvent> events =
        store
            .readLazily(stream, StreamRange.forwards())
            .filter(event -> !parked.since().isAfter(event.position()))
            .takeWhile(event -> !event.position().isAfter(reached))
            .filter(spec.query()::matches)
            .iterator();
    while (events.hasNext()) {
      RecordedEvent event = events.next();
      try {
        maker.addLate(event, reached, parcel);
      } catch (RelayHaltedException e) {
        send(parcel, inParcel, reached, still(parked, event, e));
        throw new IllegalStateException(e.getMessage(), e);
      }
      inParcel++;
      if (inParcel == eventsAtATime || parcel.bytes() > BYTES_AT_A_TIME) {
        Position next = Position.of(event.position().value() + 1);
        try {
          send(parcel, inParcel, reached, since(parked, next));
        } catch (RecordRefusedException e) {
          throw eventsAtATime == 1 ? refused(event, e) : e;
        }
        parcel = new ParcelBuilder();
        inParcel = 0;
      }
    }
    parcel.note(LaneNotes.parked(stream), null);
    parcel.note(LaneNotes.auditNow(), "publish what waits of " + stream);
    send(parcel, inParcel, reached);
  }

  private static RuntimeException refused(RecordedEvent event, RecordRefusedException why) {
    return new IllegalStateException(
        "the event at position %s of stream %s still cannot be published: %s"
            .formatted(event.position(), event.stream(), why.getMessage()),
        why);
  }

  private void send(ParcelBuilder parcel, int events, Position reached, ParkedStream left) {
    parcel.note(LaneNotes.parked(left.stream()), ParkedNote.format(left));
    send(parcel, events, reached);
  }

  private void send(ParcelBuilder parcel, int events, Position reached) {
    try {
      access.send(maker, parcel, reached);
    } catch (KafkaException e) {
      throw Failures.refusedRecord(e).map(KafkaException.class::cast).orElse(e);
    }
    published.addAndGet(events);
  }

  private static ParkedStream since(ParkedStream parked, Position position) {
    return new ParkedStream(parked.stream(), position, parked.at(), parked.reason());
  }

  private static ParkedStream still(
      ParkedStream parked, RecordedEvent event, RelayHaltedException why) {
    return new ParkedStream(parked.stream(), event.position(), Instant.now(), Failures.reason(why));
  }
}
