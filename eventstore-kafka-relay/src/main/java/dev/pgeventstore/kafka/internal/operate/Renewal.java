package dev.pgeventstore.kafka.internal.operate;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.internal.Declaration;
import dev.pgeventstore.kafka.internal.history.OwnRecord;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.NoteChanges;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.position.TokenLedger;
import dev.pgeventstore.kafka.internal.relay.LaneAccess;
import dev.pgeventstore.kafka.internal.relay.LaneContext;
import dev.pgeventstore.spi.Lease;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Notes a lane anew: for a new series, or after its notes were lost. The database begins anew with
 * its tokens, so that it and Kafka agree again. For one thread.
 */
public final class Renewal {

  private final LaneAccess access;
  private final LaneContext lane;
  private final String incarnation;

  /** What is noted must have been read after this. */
  Renewal(LaneAccess access) {
    this.access = access;
    this.lane = access.lane();
    this.incarnation = lane.feed().incarnation();
  }

  /** Begins a new series of what the lane is declared with, behind a position. */
  public static void newSeries(LaneAccess access, Position after, String why)
      throws InterruptedException {
    LaneNotes notes = access.readNotes();
    Map<String, @Nullable String> changes = new NoteChanges(notes).anew(after);
    changes.put(LaneNotes.auditNow(), "new series after %s: %s".formatted(after, why));
    new Renewal(access).beginSeries(notes, after, changes);
  }

  /**
   * Begins a new series behind a position.
   *
   * @param before what the lane has noted
   * @param changes what is noted besides
   */
  void beginSeries(LaneNotes before, Position after, Map<String, @Nullable String> changes)
      throws InterruptedException {
    changes.put(LaneNotes.POSITION, lane.at(after).format());
    changes.put(LaneNotes.START, after.toString());
    changes.put(LaneNotes.SERIES, Integer.toString(nextSeries(before)));
    changes.putAll(tokensAnew(before.token().map(Token::number).orElse(0L), after));
    commit(after, before.waitingSince(after), changes);
  }

  /** The number of a series that is none of those that were published or noted. */
  private int nextSeries(LaneNotes notes) {
    return 1
        + lane.tail(notes).committed().stream()
            .mapToInt(OwnRecord::series)
            .reduce(notes.series(), Math::max);
  }

  /**
   * Notes what was lost of the lane's notes.
   *
   * @param found all that the lane is to know
   * @param highestToken the number of the last token that is known in Kafka
   * @param why for the audit
   */
  void recover(LaneNotes found, long highestToken, String why) throws InterruptedException {
    Map<String, @Nullable String> changes = new HashMap<>();
    access.readNotes().ofLane().keySet().forEach(name -> changes.put(name, null));
    changes.putAll(found.all());
    changes.put(LaneNotes.auditNow(), why);
    changes.putAll(tokensAnew(highestToken, found.position().orElseThrow().position()));
    commit(found.start(), found.waitingSince(found.start()), changes);
  }

  /**
   * Notes it.
   *
   * @param after which position its series begins
   * @param waiting streams that waited then
   */
  private void commit(
      Position after, Map<StreamId, Position> waiting, Map<String, @Nullable String> changes)
      throws InterruptedException {
    changes.put(Declaration.NOTE, lane.spec().declaration().format());
    access.writer().commit(changes, () -> {});
    access.writer().finish();
    // Last: until then the earlier declaration counts, and this can be called again.
    access.beginning().noteBegun(after, waiting);
  }

  /**
   * Lets the database begin anew with its tokens.
   *
   * @param highestInKafka the number of the last token that is known there
   * @param after everything up to there is taken for published
   * @return what is to be noted with the change that this is for
   */
  private Map<String, @Nullable String> tokensAnew(long highestInKafka, Position after) {
    Optional<Lease> lease = lane.leadership().lease();
    if (lease.isEmpty()) {
      return Map.of();
    }
    String before = lease.get().notes().get(TokenLedger.NOTE);
    TokenLedger ledger =
        TokenLedger.anew(Math.max(TokenLedger.parse(before).lastNumber(), highestInKafka), after);
    Map<String, @Nullable String> changes = new HashMap<>();
    changes.put(LaneNotes.TOKEN, ledger.last().map(Token::toString).orElse(null));
    if (!lane.isExactlyOnce()) {
      // With the others, or what was sent before would pass for tied to this database.
      changes.put(TokenLedger.NOTE, ledger.format());
    } else if (!lease.get().replaceNote(incarnation, TokenLedger.NOTE, before, ledger.format())) {
      throw new IllegalStateException(
          "another relay has taken the lead, or the database was restarted: try again");
    }
    return changes;
  }
}
