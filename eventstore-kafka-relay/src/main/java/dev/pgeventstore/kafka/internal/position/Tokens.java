package dev.pgeventstore.kafka.internal.position;

import dev.pgeventstore.Position;
import dev.pgeventstore.spi.Lease;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Draws the tokens of one lead of a lane, from the notes of its lease. For one thread.
 *
 * <p>A lead without a lease, which only tests have, draws none and compares none.
 */
public final class Tokens {

  private final Optional<Lease> lease;
  private final String epoch = Token.newEpoch();
  private @Nullable String noted;
  private TokenLedger ledger;
  private Optional<Token> published = Optional.empty();

  /** Reads what earlier leads have drawn. */
  public Tokens(Optional<Lease> lease) {
    this.lease = lease;
    this.noted = lease.map(held -> held.notes().get(TokenLedger.NOTE)).orElse(null);
    this.ledger = TokenLedger.parse(noted);
  }

  public boolean areDrawn() {
    return lease.isPresent();
  }

  public TokenLedger ledger() {
    return ledger;
  }

  /** What the notes say is in Kafka, and this database has drawn. */
  public void foundInKafka(Optional<Token> noted) {
    published = noted;
  }

  /** It is in Kafka, and so is all that was sent under those before it. */
  public void published(Token token) {
    published = Optional.of(token);
  }

  /**
   * Draws a token for what was read: when this returns, the database has it for good.
   *
   * @param readUpTo how far the lane has read
   * @param incarnation of the server, in which all of that was read
   * @return empty if the lead has no lease
   * @throws IllegalStateException if another relay has taken the lead, or the server is another
   */
  public Optional<Token> draw(Position readUpTo, String incarnation) {
    if (lease.isEmpty()) {
      return Optional.empty();
    }
    TokenLedger next = ledger.drawn(epoch, readUpTo, published);
    String text = next.format();
    if (!lease.get().replaceNote(incarnation, TokenLedger.NOTE, noted, text)) {
      throw new IllegalStateException(
          "another relay has taken the lead, or the database is not the one that was read: nothing more is sent before this is looked at anew");
    }
    noted = text;
    ledger = next;
    return next.last();
  }
}
