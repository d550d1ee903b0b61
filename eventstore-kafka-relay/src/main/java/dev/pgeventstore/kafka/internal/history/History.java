package dev.pgeventstore.kafka.internal.history;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.history.TailFindings.Comparison;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.LanePosition.Anchor;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.position.TokenLedger;
import dev.pgeventstore.kafka.internal.position.Tokens;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.Lease;
import java.util.Comparator;
import java.util.Optional;
import java.util.UUID;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks that the store still has the history that was published, and that the lane's notes know of
 * all that was.
 *
 * @param feed of the store
 * @param databaseId of the store's database
 * @param published what is in Kafka
 * @param notes of the lane, as they were read when all others were fenced
 * @param delivery what the relay promises
 * @param lease by whose notes the database knows which tokens it has drawn
 */
public record History(
    EventFeed feed,
    String databaseId,
    PublishedTail published,
    LaneNotes notes,
    Delivery delivery,
    Optional<Lease> lease) {

  private static final Logger LOG = LoggerFactory.getLogger(History.class);

  /**
   * Compares the store with what was published: by the token of the last commit, which the database
   * must have drawn; by the event that the position is anchored to; and by the last records. Of an
   * event only the id is asked for: it may have been truncated or purged since it was published,
   * which does not make the history another one.
   *
   * @return by which the lead draws its tokens
   * @throws RelayHaltedException if the store has lost something, or the lane's notes have
   */
  public Tokens verify(LanePosition position) {
    Tokens tokens = new Tokens(lease);
    TokenLedger ledger = tokens.ledger();
    Optional<Token> unknown =
        tokens.areDrawn() ? notes.token().filter(ledger::isForeign) : Optional.empty();
    Optional<String> lost =
        position
            .anchor()
            .flatMap(this::difference)
            .or(() -> notDrawn(position.position()))
            .or(() -> unknown.map(token -> describe(token, ledger)));
    if (lost.isPresent()) {
      Position intact = unknown.map(token -> intactUpTo(token, ledger)).orElse(Position.START);
      throw lostHistory(position, lost.get(), comparison(tokens, intact), intact);
    }
    compareTail(position, tokens);
    requireWholeNotes(position);
    requireLatestNotes(position, ledger);
    logAnotherDatabase(position);
    tokens.foundInKafka(notes.token());
    return tokens;
  }

  private Optional<String> notDrawn(Position position) {
    Position drawn = feed.lastDrawn();
    return position.isAfter(drawn)
        ? Optional.of("the store has handed out no position beyond " + drawn + " yet")
        : Optional.empty();
  }

  private static String describe(Token token, TokenLedger ledger) {
    return "the database does not know token %s, under which that was sent; it has %s"
        .formatted(
            token,
            ledger
                .last()
                .map(last -> "drawn " + last + " last, at position " + ledger.readUpTo())
                .orElse("drawn none"));
  }

  /** What was read before a token that the database has: it had all of that when it drew it. */
  public static Position intactUpTo(Token unknown, TokenLedger ledger) {
    return ledger.lastNumber() < unknown.number() ? ledger.readUpTo() : Position.START;
  }

  private RelayHaltedException lostHistory(
      LanePosition position, String how, Comparison comparison, Position intact) {
    String what;
    try {
      what =
          comparison
              .of(published.committed())
              .describeLost(published.lane(), position.lanes(), position.position(), intact);
    } catch (KafkaException e) {
      what = "What is in Kafka could not be read: " + e.getMessage();
    }
    return new RelayHaltedException(
        "the store's history is not the one that was published: up to position %s it is in Kafka, but %s. The database has lost commits, was restored to an older state, or is another one. %s"
            .formatted(position.position(), how, what));
  }

  /** Notes change in one piece: what was sent beyond the position is of a copy that was torn. */
  private void requireWholeNotes(LanePosition position) {
    notes.sent().values().stream()
        .map(RecordPlace::position)
        .filter(sent -> sent.isAfter(position.position()))
        .max(Position::compareTo)
        .ifPresent(
            sent -> {
              throw new RelayHaltedException(
                  "relay %s stands at position %s of its series %d by its notes, and by the same notes it has sent what stands at %s: they are a copy that ends within a transaction. Put them back whole, or let RelayOperations.recover(…) make them anew from the topics. Where that is refused, go on behind what is published: RelayOperations.newSeries(%sPosition.of(%s), …)"
                      .formatted(
                          published.relay(),
                          position.position(),
                          notes.series(),
                          sent,
                          TailFindings.ofLane(published.lane(), position.lanes()),
                          lastPublished(position)));
            });
  }

  /** Whether the notes are as late as the database knows that they must be. */
  private void requireLatestNotes(LanePosition position, TokenLedger ledger) {
    Optional<Token> noted = notes.token();
    if (ledger.isAheadOf(noted) && delivery == Delivery.EXACTLY_ONCE && lease.isPresent()) {
      throw new RelayHaltedException(
          "relay %s stands at position %s of its series %d by its notes, which have token %s, but by the database it has sent more: going on would publish that again. The notes are an older copy, or the relay has published with another delivery meanwhile. Let RelayOperations.recover(…) make them anew from the topics. Where that is refused, go on behind what is published by a new series: RelayOperations.newSeries(%sPosition.of(%s), …)"
              .formatted(
                  published.relay(),
                  position.position(),
                  notes.series(),
                  noted.map(Token::toString).orElse("none"),
                  TailFindings.ofLane(published.lane(), position.lanes()),
                  lastPublished(position)));
    }
  }

  private Position lastPublished(LanePosition position) {
    return published.committed().stream()
        .map(record -> record.place().position())
        .reduce(position.position(), (a, b) -> a.isAfter(b) ? a : b);
  }

  /** An aborted record contradicts nothing: where one might, only what is committed counts. */
  private void compareTail(LanePosition position, Tokens tokens) {
    Comparison comparison = comparison(tokens, Position.START);
    TailFindings first = comparison.of(published.sent());
    if (first.isEmpty() || comparison.of(published.committed(first.partitions())).isEmpty()) {
      return;
    }
    TailFindings found = comparison.of(published.committed());
    Optional<Token> untied =
        found.untied().stream()
            .flatMap(record -> record.token().stream())
            .max(Comparator.comparing(Token::number));
    if (untied.isPresent()) {
      Position intact = intactUpTo(untied.get(), tokens.ledger());
      throw lostHistory(
          position, describe(untied.get(), tokens.ledger()), comparison(tokens, intact), intact);
    }
    if (!found.unknown().isEmpty()) {
      throw new RelayHaltedException(
          "the store's history is not the one that was published: the relay stands at position %s, but %s"
              .formatted(
                  position.position(),
                  found.describeLost(
                      published.lane(), position.lanes(), position.position(), Position.START)));
    }
    if (!found.beyond().isEmpty()) {
      throw new RelayHaltedException(
          "relay %s stands at position %s of its series %d by its notes, but %s"
              .formatted(
                  published.relay(),
                  position.position(),
                  notes.series(),
                  found.describeBeyond(published.lane(), position.lanes())));
    }
  }

  /**
   * The comparison of the tail.
   *
   * @param intact behind it messages may be lost; the start if nothing says that any are
   */
  private Comparison comparison(Tokens tokens, Position intact) {
    return new Comparison(
        feed,
        notes,
        delivery == Delivery.EXACTLY_ONCE,
        tokens.areDrawn() ? Optional.of(tokens.ledger()) : Optional.empty(),
        intact.equals(Position.START) ? Optional.empty() : Optional.of(intact));
  }

  private void logAnotherDatabase(LanePosition position) {
    if (!position.database().equals(databaseId)) {
      LOG.warn(
          "The position was written from database {}, this is {}. The event at position {} is the same: going on",
          position.database(),
          databaseId,
          position.position());
    }
  }

  private Optional<String> difference(Anchor anchor) {
    Optional<UUID> found = feed.idAt(anchor.position());
    if (found.isPresent() && found.get().equals(anchor.id())) {
      return Optional.empty();
    }
    return Optional.of(
        "of event %s, version %d of stream %s at position %s, %s"
            .formatted(
                anchor.id(),
                anchor.version(),
                anchor.stream(),
                anchor.position(),
                found.isEmpty()
                    ? "the store has no such event"
                    : "the store has event " + found.get() + " there instead"));
  }
}
