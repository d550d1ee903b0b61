package dev.pgeventstore.kafka.internal.position;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.NoteLines;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The tokens that a lane has drawn, as the database knows them: the latest epochs with their
 * numbers, the current one last. Numbers of one database follow one another without a gap, so a
 * token of another copy of it is none of these.
 *
 * @param epochs the oldest first; empty before the first token
 * @param readUpTo everything of the lane at or below had been read when the last token was drawn
 * @param published the last token that was known to be in Kafka when the last one was drawn
 */
public record TokenLedger(List<Epoch> epochs, Position readUpTo, Optional<Token> published) {

  /** Where it is among the notes of the lane's lease. */
  public static final String NOTE = "tokens";

  public static final TokenLedger NONE =
      new TokenLedger(List.of(), Position.START, Optional.empty());

  private static final String FORMAT = "1";

  /** So many leads are remembered, and the one whose token is in Kafka. */
  private static final int MOST_EPOCHS = 20;

  /**
   * Reads it back.
   *
   * @throws RelayHaltedException if it was written by a newer version of the relay, or not by a
   *     relay
   */
  public static TokenLedger parse(@Nullable String text) {
    if (text == null) {
      return NONE;
    }
    Map<String, String> lines = NoteLines.parse(text);
    try {
      if (!FORMAT.equals(lines.get("format"))) {
        throw new IllegalArgumentException("format " + lines.get("format"));
      }
      List<Epoch> epochs = new ArrayList<>();
      for (String epoch : lines.getOrDefault("epochs", "").split(",", -1)) {
        epochs.add(Epoch.parse(epoch));
      }
      return new TokenLedger(
          List.copyOf(epochs),
          Position.of(Long.parseLong(lines.getOrDefault("read_up_to", ""))),
          Optional.ofNullable(lines.get("published")).map(Token::parse));
    } catch (IllegalArgumentException e) {
      throw new RelayHaltedException(
          "the tokens in the relay's lease are none that this version knows: " + e.getMessage(), e);
    }
  }

  public String format() {
    Map<String, String> lines = new TreeMap<>();
    lines.put("format", FORMAT);
    lines.put("epochs", String.join(",", epochs.stream().map(Epoch::toString).toList()));
    lines.put("read_up_to", readUpTo.toString());
    published.ifPresent(token -> lines.put("published", token.toString()));
    return NoteLines.format(lines);
  }

  /** The last one that was drawn. */
  public Optional<Token> last() {
    return epochs.isEmpty() ? Optional.empty() : Optional.of(epochs.get(epochs.size() - 1).last());
  }

  public long lastNumber() {
    return last().map(Token::number).orElse(0L);
  }

  /** Whether another database has drawn it, or this one before it lost that. */
  public boolean isForeign(Token token) {
    return !knows(token) && !isOlder(token);
  }

  /** Whether this database has drawn it. */
  boolean knows(Token token) {
    return epochs.stream().anyMatch(epoch -> epoch.has(token));
  }

  /** Whether the database knows that later tokens than the one in a lane's notes are in Kafka. */
  public boolean isAheadOf(Optional<Token> noted) {
    long number = noted.map(Token::number).orElse(0L);
    return noted.filter(this::isOlder).isPresent()
        || published.filter(token -> token.number() > number).isPresent();
  }

  /** Whether it is from before everything that is remembered. */
  boolean isOlder(Token token) {
    return !epochs.isEmpty() && token.number() < epochs.get(0).from();
  }

  /**
   * The same with one token more.
   *
   * @param epoch of the lead that draws it
   * @param upTo what has been read
   * @param known is in Kafka: what was drawn before is not needed any more
   */
  public TokenLedger drawn(String epoch, Position upTo, Optional<Token> known) {
    List<Epoch> kept = new ArrayList<>(epochs);
    long number = lastNumber() + 1;
    int current = kept.size() - 1;
    if (current >= 0 && kept.get(current).name().equals(epoch)) {
      kept.set(current, new Epoch(epoch, kept.get(current).from(), number));
    } else {
      kept.add(new Epoch(epoch, number, number));
    }
    Optional<Token> inKafka = known.or(() -> published);
    while (kept.size() > MOST_EPOCHS) {
      // What is in Kafka must be known, however many leads have come to nothing since.
      kept.remove(inKafka.filter(kept.get(0)::has).isPresent() ? 1 : 0);
    }
    return new TokenLedger(List.copyOf(kept), upTo, inKafka);
  }

  /**
   * A ledger that begins anew, behind all numbers there were.
   *
   * @param above the highest number that the database or Kafka have
   */
  public static TokenLedger anew(long above, Position upTo) {
    return new TokenLedger(
        List.of(new Epoch(Token.newEpoch(), above + 1, above + 1)), upTo, Optional.empty());
  }

  /**
   * The tokens of one lead.
   *
   * @param name of the epoch
   * @param from the first number
   * @param to the last one
   */
  record Epoch(String name, long from, long to) {

    public static Epoch parse(String text) {
      Token first = Token.parse(text.substring(0, Math.max(0, text.indexOf(".."))));
      return new Epoch(
          first.epoch(), first.number(), Long.parseLong(text.substring(text.indexOf("..") + 2)));
    }

    public boolean has(Token token) {
      return name.equals(token.epoch()) && from <= token.number() && token.number() <= to;
    }

    public Token last() {
      return new Token(name, to);
    }

    @Override
    public String toString() {
      return name + ':' + from + ".." + to;
    }
  }
}
