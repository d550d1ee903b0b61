package dev.pgeventstore.kafka.internal.position;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.Declaration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a lane has noted for the next leader, as it was when it was read: where it stands, what it
 * has sent where, what waits and why. Notes change in one piece with what they are about. Their
 * names are the same wherever they are kept. It is long because it has an accessor for each kind.
 */
public final class LaneNotes {

  public static final String POSITION = "position";
  public static final String TOKEN = "token";

  /** In the database, where the position is in Kafka: that there must be one. */
  public static final String BEGUN = "begun";

  /** In the database, too: streams that waited when the series began, and since when. */
  static final String WAITED = "waited/";

  public static final String SERIES = "series";
  public static final String PAUSED = "paused";
  public static final String START = "start";
  static final String SENT = "sent/";
  static final String SENT_BEFORE = "sent-before/";
  static final String TOPIC = "topic/";
  private static final String PARKED = "parked/";
  private static final String DISCARDED = "discarded/";
  private static final String SKIP = "skip/";
  private static final String AUDIT = "audit/";

  /** How the audit's note of a rewind begins. */
  public static final String REWIND = "rewind to ";

  /** How the audit's note of a recovery begins. */
  public static final String RECOVER = "recover: ";

  private static final Logger LOG = LoggerFactory.getLogger(LaneNotes.class);

  private final Map<String, String> notes;

  public LaneNotes(Map<String, String> notes) {
    this.notes = new TreeMap<>(notes);
  }

  /** Those that go with the lane where its notes are kept elsewhere. */
  public Map<String, String> ofLane() {
    Map<String, String> some = new TreeMap<>(notes);
    some.keySet()
        .removeIf(
            name -> name.equals(TokenLedger.NOTE) || name.equals(BEGUN) || name.startsWith(WAITED));
    return some;
  }

  /** Those that a relay can read: something else may have written where they are kept. */
  public LaneNotes legible() {
    Map<String, String> some = new TreeMap<>();
    notes.forEach(
        (name, text) -> {
          LaneNotes one = new LaneNotes(Map.of(name, text));
          try {
            one.readPage();
            some.put(name, text);
          } catch (RelayHaltedException e) {
            LOG.warn("A note that cannot be read is left out: {}", e.getMessage());
          }
        });
    return new LaneNotes(some);
  }

  private void readPage() {
    Object unused =
        List.of(
            declared(),
            position(),
            token(),
            series(),
            start(),
            sent(),
            lastSent(),
            topics(),
            parked(),
            discarded(),
            skipped(),
            audit(),
            begun(),
            waited());
  }

  /** After which position the series began, if that is noted. */
  public Optional<Position> notedStart() {
    return note(START).map(text -> start());
  }

  /** After which position the last series began, as the database knows it. */
  public Optional<Position> begun() {
    return parsed(BEGUN, text -> Position.of(Long.parseLong(text)));
  }

  /** The streams that waited when the last series began, as the database knows it. */
  public Map<StreamId, Position> waited() {
    return all(WAITED, StreamId::parse, (stream, text) -> Position.of(Long.parseLong(text)));
  }

  /** The streams that wait since a position or one before it. */
  public Map<StreamId, Position> waitingSince(Position last) {
    Map<StreamId, Position> waiting = new HashMap<>();
    parked()
        .forEach(
            (stream, parked) -> {
              if (!parked.since().isAfter(last)) {
                waiting.put(stream, parked.since());
              }
            });
    return waiting;
  }

  /** Up to where the lane had surely come in its series: later notes are of later positions. */
  public Position reached() {
    return Stream.concat(
            position().map(LanePosition::position).stream(),
            sent().values().stream().map(RecordPlace::position))
        .max(Position::compareTo)
        .orElse(Position.START);
  }

  /** What people have decided, whatever is published: of events, and of the relay. */
  public Map<String, String> decided() {
    Map<String, String> some = new TreeMap<>();
    notes.forEach(
        (name, text) -> {
          boolean stays =
              name.equals(PAUSED) || Stream.of(AUDIT, SKIP, DISCARDED).anyMatch(name::startsWith);
          if (stays) {
            some.put(name, text);
          }
        });
    return some;
  }

  /** All of them, by name. */
  public Map<String, String> all() {
    return Map.copyOf(notes);
  }

  /** What the relay was declared with when it was noted. */
  public Optional<Declaration> declared() {
    return note(Declaration.NOTE).map(Declaration::parse);
  }

  public Optional<LanePosition> position() {
    return parsed(POSITION, LanePosition::parse);
  }

  /** What the last commit was tied to the database by. */
  public Optional<Token> token() {
    try {
      return note(TOKEN).map(Token::parse);
    } catch (IllegalArgumentException e) {
      throw new RelayHaltedException(
          "the relay's notes have a token that this version does not know: " + e.getMessage(), e);
    }
  }

  /** How often the order has begun anew, and once more. */
  public int series() {
    return parsed(SERIES, Integer::parseInt).orElse(1);
  }

  /** After which position the series began. */
  public Position start() {
    return parsed(START, text -> Position.of(Long.parseLong(text))).orElse(Position.START);
  }

  /** Why nothing is to be sent, if so. */
  public Optional<String> paused() {
    return note(PAUSED);
  }

  private Optional<String> note(String name) {
    return Optional.ofNullable(notes.get(name));
  }

  /** What was last sent to each partition. */
  public Map<TopicPartition, RecordPlace> sent() {
    return places(SENT);
  }

  /**
   * The last place in each partition, counting what was sent before an operator rewound the lane.
   */
  public Map<TopicPartition, RecordPlace> lastSent() {
    Map<TopicPartition, RecordPlace> last = places(SENT);
    places(SENT_BEFORE)
        .forEach(
            (partition, place) ->
                last.merge(partition, place, (a, b) -> a.compareTo(b) > 0 ? a : b));
    return last;
  }

  private Map<TopicPartition, RecordPlace> places(String prefix) {
    return all(prefix, LaneNotes::topicPartition, (partition, text) -> RecordPlace.parse(text));
  }

  public static String sent(TopicPartition partition) {
    return SENT + partition.topic() + '/' + partition.partition();
  }

  private static TopicPartition topicPartition(String text) {
    int slash = text.lastIndexOf('/');
    return new TopicPartition(
        text.substring(0, slash), Integer.parseInt(text.substring(slash + 1)));
  }

  /** The topics that were sent to, as they were then. */
  public Map<String, TopicLayout> topics() {
    return all(TOPIC, name -> name, (name, text) -> TopicLayout.parse(text));
  }

  public static String topic(String name) {
    return TOPIC + name;
  }

  /** Streams that wait, and since which of their events. */
  public Map<StreamId, ParkedNote> parked() {
    return all(PARKED, StreamId::parse, ParkedNote::parse);
  }

  /** Whether a note parks a stream. */
  public static boolean parks(String name) {
    return name.startsWith(PARKED);
  }

  public static String parked(StreamId stream) {
    return PARKED + stream;
  }

  /** Streams of which events were given up: from which one on, and up to which. */
  public Map<StreamId, List<PositionRange>> discarded() {
    return all(DISCARDED, StreamId::parse, (stream, ranges) -> PositionRange.parse(ranges));
  }

  public static String discarded(StreamId stream) {
    return DISCARDED + stream;
  }

  /** Positions of what is passed over, and why. */
  public Map<Position, String> skipped() {
    return all(SKIP, text -> Position.of(Long.parseLong(text)), (position, why) -> why);
  }

  public static String skip(Position position) {
    return SKIP + position;
  }

  /** What operators did, by time. */
  public Map<Instant, String> audit() {
    return new TreeMap<>(all(AUDIT, Instant::parse, (at, what) -> what));
  }

  /** A note of what an operator does now. */
  public static String auditNow() {
    return AUDIT + Instant.now().truncatedTo(ChronoUnit.MICROS);
  }

  /** Whether an operator ever had the lane send again what it had sent. */
  public boolean wasRewound() {
    return isAudited(REWIND);
  }

  /** Whether its notes were ever made anew. */
  public boolean wasRecovered() {
    return isAudited(RECOVER);
  }

  private boolean isAudited(String beginning) {
    return audit().values().stream().anyMatch(what -> what.startsWith(beginning));
  }

  private <T> Optional<T> parsed(String name, Function<String, T> parse) {
    return note(name).map(text -> parsed(name, text, () -> parse.apply(text)));
  }

  private <K, V> Map<K, V> all(
      String prefix, Function<String, K> parseName, BiFunction<K, String, V> parseText) {
    Map<K, V> found = new HashMap<>();
    notes.forEach(
        (name, text) -> {
          if (name.startsWith(prefix)) {
            K key = parsed(name, text, () -> parseName.apply(name.substring(prefix.length())));
            found.put(key, parsed(name, text, () -> parseText.apply(key, text)));
          }
        });
    return found;
  }

  private static <T> T parsed(String name, String text, Supplier<T> parse) {
    try {
      return parse.get();
    } catch (RelayHaltedException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new RelayHaltedException(
          "the relay has a note that no relay writes: '%s' is '%s'. Something else writes where the notes are kept; see to it that it does not. How the note is taken away is in docs/relay-operating.md, A note that cannot be read"
              .formatted(name, text),
          e);
    }
  }
}
