package dev.pgeventstore.kafka.internal.operate;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.position.Tokens;
import dev.pgeventstore.kafka.internal.record.OpenParcel;
import dev.pgeventstore.kafka.internal.record.Parcel;
import dev.pgeventstore.kafka.internal.record.RecordMaker;
import dev.pgeventstore.kafka.internal.relay.LaneAccess;
import dev.pgeventstore.kafka.internal.relay.LaneContext;
import dev.pgeventstore.kafka.internal.relay.Progress;
import dev.pgeventstore.kafka.internal.relay.RelayNews;
import java.util.Optional;

/**
 * What an operator adds to what a lane publishes, behind all that was published before. For one
 * thread.
 */
public final class LateRecords {

  private final LaneAccess access;
  private final LaneContext lane;
  private final String incarnation;
  private final LaneNotes notes;
  private final RecordMaker maker;
  private final Position reached;

  /**
   * Publishes whatever could have been sent before this operation took the lead, and is not known
   * to be committed: readers may have seen it, and what is sent late must stand behind it.
   *
   * @throws IllegalStateException if the relay is paused, or the lead is lost meanwhile
   */
  public LateRecords(Operator operator, LaneAccess access) throws InterruptedException {
    this.access = access;
    this.lane = access.lane();
    requireNotPaused(access.readNotes());
    operator.awaitSilence(lane.spec().delivery());
    LaneNotes before = access.readNotes();
    Position wanted = lane.feed().highWaterMark();
    var position = access.position(before);
    this.incarnation = lane.feed().incarnation();
    RelayNews nobody = new RelayNews(operator.scheduler(), lane.spec().name(), null);
    // Also if there is nothing: the history is compared before anything more is sent.
    access.publish(
        before,
        position,
        new Progress(operator.scheduler(), 0, lane.spec().unhealthyAfter(), nobody),
        publishing -> {
          if (wanted.isAfter(publishing.runUpTo(wanted))) {
            throw new IllegalStateException("another process took the lead: try again");
          }
        });
    this.notes = access.readNotes();
    this.maker = access.maker(notes);
    this.reached = access.position(notes).position();
  }

  private void requireNotPaused(LaneNotes notes) {
    notes
        .paused()
        .ifPresent(
            why -> {
              throw new IllegalStateException(
                  "relay %s is paused, and nothing is published until it is resumed: %s"
                      .formatted(lane.spec().name(), why));
            });
  }

  LaneNotes notes() {
    return notes;
  }

  RecordMaker maker() {
    return maker;
  }

  /** Where the lane stands. */
  Position reached() {
    return reached;
  }

  /** Sends records, and waits for it. */
  void send(OpenParcel records) {
    maker.noteTopics(records);
    Optional<Token> token = new Tokens(lane.leadership().lease()).draw(reached, incarnation);
    token.ifPresent(drawn -> records.note(LaneNotes.TOKEN, drawn.toString()));
    Parcel parcel = records.build(reached, reached, token);
    access.writer().send(parcel);
    access.writer().commit(parcel.notes(), () -> {});
    access.writer().finish();
  }

  /** Sends a record without a value under a stream's key. */
  public void sendTombstone(StreamId stream) throws InterruptedException {
    OpenParcel parcel = new OpenParcel();
    maker.addTombstone(stream, reached, parcel);
    parcel.note(LaneNotes.auditNow(), "publish a tombstone of " + stream);
    send(parcel);
  }
}
