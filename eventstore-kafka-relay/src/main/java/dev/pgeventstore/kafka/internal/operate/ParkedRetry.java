package dev.pgeventstore.kafka.internal.operate;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.ParkedNote;
import dev.pgeventstore.kafka.internal.record.Failures;
import dev.pgeventstore.kafka.internal.record.OpenParcel;
import dev.pgeventstore.kafka.internal.record.RecordRefusedException;
import dev.pgeventstore.kafka.internal.relay.LaneBeginning.Start;
import dev.pgeventstore.subscription.Partitions;
import java.time.Instant;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.KafkaException;

/** Publishes what waits of a parked stream, a transaction for some events at a time. */
public final class ParkedRetry {

  private static final int EVENTS_AT_A_TIME = 500;
  private static final long BYTES_AT_A_TIME = 1024L * 1024;

  private final EventStore store;
  private final RelaySpec spec;
  private final LateRecords late;
  private final AtomicInteger published;

  /**
   * @param published counts the events as they are committed
   */
  private ParkedRetry(EventStore store, RelaySpec spec, LateRecords late, AtomicInteger published) {
    this.store = store;
    this.spec = spec;
    this.late = late;
    this.published = published;
  }

  /**
   * Publishes what waits of a stream, in as few transactions as is reasonable; if Kafka refuses one
   * of the events, in a transaction for each.
   *
   * @return how many events were published
   * @throws IllegalStateException if an event still cannot be published; those before are, and the
   *     stream stays parked from that one on
   */
  public static int run(Operator operator, EventStore store, StreamId stream)
      throws InterruptedException {
    AtomicInteger published = new AtomicInteger();
    try {
      run(operator, store, stream, EVENTS_AT_A_TIME, published);
    } catch (RecordRefusedException e) {
      run(operator, store, stream, 1, published);
    }
    return published.get();
  }

  private static void run(
      Operator operator,
      EventStore store,
      StreamId stream,
      int eventsAtATime,
      AtomicInteger published)
      throws InterruptedException {
    RelaySpec spec = operator.spec();
    operator.onLane(
        Partitions.of(stream, spec.lanes()),
        Start.CAREFUL,
        (access, lead) ->
            new ParkedRetry(store, spec, new LateRecords(operator, access), published)
                .run(stream, eventsAtATime));
  }

  public static ParkedNote require(LaneNotes notes, StreamId stream) {
    ParkedNote parked = notes.parked().get(stream);
    if (parked == null) {
      throw new NoSuchElementException("stream " + stream + " is not parked");
    }
    return parked;
  }

  private void run(StreamId stream, int eventsAtATime) throws InterruptedException {
    ParkedNote parked = require(late.notes(), stream);
    Position reached = late.reached();
    int inParcel = 0;
    OpenParcel parcel = new OpenParcel();
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
        late.maker().addLate(event, reached, parcel);
      } catch (RelayHaltedException e) {
        send(parcel, inParcel, still(parked, event, e));
        throw new IllegalStateException(e.getMessage(), e);
      }
      inParcel++;
      if (inParcel == eventsAtATime || parcel.bytes() > BYTES_AT_A_TIME) {
        Position next = Position.of(event.position().value() + 1);
        try {
          send(parcel, inParcel, since(parked, next));
        } catch (RecordRefusedException e) {
          throw eventsAtATime == 1 ? refused(event, e) : e;
        }
        parcel = new OpenParcel();
        inParcel = 0;
      }
    }
    parcel.note(LaneNotes.parked(stream), null);
    parcel.note(LaneNotes.auditNow(), "publish what waits of " + stream);
    send(parcel, inParcel);
  }

  private static RuntimeException refused(RecordedEvent event, RecordRefusedException why) {
    return new IllegalStateException(
        "the event at position %s of stream %s still cannot be published: %s"
            .formatted(event.position(), event.stream(), why.getMessage()),
        why);
  }

  private void send(OpenParcel parcel, int events, ParkedNote left) {
    parcel.note(LaneNotes.parked(left.stream()), left.format());
    send(parcel, events);
  }

  private void send(OpenParcel parcel, int events) {
    try {
      late.send(parcel);
    } catch (KafkaException e) {
      throw Failures.refusedRecord(e).map(KafkaException.class::cast).orElse(e);
    }
    published.addAndGet(events);
  }

  private static ParkedNote since(ParkedNote parked, Position position) {
    return new ParkedNote(parked.stream(), position, parked.at(), parked.reason());
  }

  private static ParkedNote still(
      ParkedNote parked, RecordedEvent event, RelayHaltedException why) {
    return new ParkedNote(parked.stream(), event.position(), Instant.now(), Failures.reason(why));
  }
}
