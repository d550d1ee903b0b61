package dev.pgeventstore.kafka;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import java.time.Instant;
import java.util.Iterator;
import java.util.NoSuchElementException;

/** Publishes what waits of a parked stream, a transaction for some events at a time. */
final class ParkedRetry {

  private static final int EVENTS_AT_A_TIME = 500;
  private static final long BYTES_AT_A_TIME = 1024L * 1024;

  private final RelaySpec spec;
  private final EventStore store;
  private final LaneAccess access;
  private final LaneNotes notes;
  private final RecordMaker maker;

  ParkedRetry(RelaySpec spec, EventStore store, LaneAccess access, LaneNotes notes) {
    this.spec = spec;
    this.store = store;
    this.access = access;
    this.notes = notes;
    this.maker = access.maker(notes);
  }

  static ParkedStream require(LaneNotes notes, StreamId stream) {
    ParkedStream parked = notes.parked().get(stream);
    if (parked == null) {
      throw new NoSuchElementException("stream " + stream + " is not parked");
    }
    return parked;
  }

  int run(StreamId stream) throws InterruptedException {
    ParkedStream parked = require(notes, stream);
    Position reached = access.position(notes).position();
    int published = 0;
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
        send(parcel, reached, still(parked, event, e));
        throw new IllegalStateException(e.getMessage(), e);
      }
      published++;
      if ((++inParcel == EVENTS_AT_A_TIME || parcel.bytes() > BYTES_AT_A_TIME)
          && events.hasNext()) {
        send(parcel, reached, since(parked, Position.of(event.position().value() + 1)));
        parcel = new ParcelBuilder();
        inParcel = 0;
      }
    }
    parcel.note(LaneNotes.parked(stream), null);
    parcel.note(RelayOperations.audit(), "publish what waits of " + stream);
    maker.noteTopics(parcel);
    RelayOperations.send(access.writer(), parcel.build(reached, reached, null));
    return published;
  }

  private void send(ParcelBuilder parcel, Position reached, ParkedStream left) {
    parcel.note(LaneNotes.parked(left.stream()), ParkedNote.format(left));
    maker.noteTopics(parcel);
    RelayOperations.send(access.writer(), parcel.build(reached, reached, null));
  }

  private static ParkedStream since(ParkedStream parked, Position position) {
    return new ParkedStream(parked.stream(), position, parked.at(), parked.reason());
  }

  private static ParkedStream still(
      ParkedStream parked, RecordedEvent event, RelayHaltedException why) {
    return new ParkedStream(parked.stream(), event.position(), Instant.now(), Failures.reason(why));
  }
}
