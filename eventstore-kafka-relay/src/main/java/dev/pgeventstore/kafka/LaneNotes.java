package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * What a lane has noted for whoever leads next, as it was when it was read: where it stands, what
 * it has sent where, what waits and why. Notes change in one piece with what they are about. Their
 * names are the same wherever they are kept.
 */
final class LaneNotes {

  static final String POSITION = "position";
  static final String TOKEN = "token";
  static final String SERIES = "series";
  static final String PAUSED = "paused";
  static final String START = "start";
  private static final String SENT = "sent/";
  private static final String SENT_BEFORE = "sent-before/";
  private static final String TOPIC = "topic/";
  private static final String PARKED = "parked/";
  private static final String DISCARDED = "discarded/";
  private static final String SKIP = "skip/";
  private static final String AUDIT = "audit/";

  private final Map<String, String> notes;

  LaneNotes(Map<String, String> notes) {
    this.notes = new TreeMap<>(notes);
  }

  Optional<LanePosition> position() {
    return note(POSITION).map(LanePosition::parse);
  }

  /** What the last commit was tied to the database by. */
  Optional<Token> token() {
    try {
      return note(TOKEN).map(Token::parse);
    } catch (IllegalArgumentException e) {
      throw new RelayHaltedException(
          "the relay's notes have a token that this version does not know: " + e.getMessage(), e);
    }
  }

  /** How often the order has begun anew, and once more. */
  int series() {
    return note(SERIES).map(Integer::parseInt).orElse(1);
  }

  /** After which position the series began. */
  Position start() {
    return note(START).map(Long::parseLong).map(Position::of).orElse(Position.START);
  }

  /** Why nothing is to be sent, if so. */
  Optional<String> paused() {
    return note(PAUSED);
  }

  private Optional<String> note(String name) {
    return Optional.ofNullable(notes.get(name));
  }

  /** What was last sent to each partition. */
  Map<TopicPartition, RecordPlace> sent() {
    return places(SENT);
  }

  /**
   * The last place in each partition, counting what was sent before an operator rewound the lane.
   */
  Map<TopicPartition, RecordPlace> lastSent() {
    Map<TopicPartition, RecordPlace> last = places(SENT);
    places(SENT_BEFORE)
        .forEach(
            (partition, place) ->
                last.merge(partition, place, (a, b) -> a.compareTo(b) > 0 ? a : b));
    return last;
  }

  private Map<TopicPartition, RecordPlace> places(String prefix) {
    return all(prefix).entrySet().stream()
        .collect(
            Collectors.toMap(
                note -> topicPartition(note.getKey()),
                note -> RecordPlace.parse(note.getValue()),
                (first, second) -> first,
                HashMap::new));
  }

  static String sent(TopicPartition partition) {
    return SENT + partition.topic() + '/' + partition.partition();
  }

  private static TopicPartition topicPartition(String text) {
    int slash = text.lastIndexOf('/');
    return new TopicPartition(
        text.substring(0, slash), Integer.parseInt(text.substring(slash + 1)));
  }

  /** The topics that were sent to, as they were then. */
  Map<String, TopicLayout> topics() {
    return values(TOPIC, TopicLayout::parse);
  }

  static String topic(String name) {
    return TOPIC + name;
  }

  /** Streams that wait, and since which of their events. */
  Map<StreamId, ParkedStream> parked() {
    Map<StreamId, ParkedStream> parked = new HashMap<>();
    all(PARKED)
        .forEach(
            (stream, text) ->
                parked.put(StreamId.parse(stream), ParkedNote.parse(StreamId.parse(stream), text)));
    return parked;
  }

  /** Whether a note parks a stream. */
  static boolean parks(String name) {
    return name.startsWith(PARKED);
  }

  static String parked(StreamId stream) {
    return PARKED + stream;
  }

  /** Streams of which events were given up: from which one on, and up to which. */
  Map<StreamId, String> discarded() {
    Map<StreamId, String> discarded = new HashMap<>();
    all(DISCARDED).forEach((stream, range) -> discarded.put(StreamId.parse(stream), range));
    return discarded;
  }

  static String discarded(StreamId stream) {
    return DISCARDED + stream;
  }

  /** Positions of what is passed over, and why. */
  Map<Position, String> skipped() {
    Map<Position, String> skipped = new HashMap<>();
    all(SKIP).forEach((position, why) -> skipped.put(Position.of(Long.parseLong(position)), why));
    return skipped;
  }

  static String skip(Position position) {
    return SKIP + position;
  }

  /** What operators did, by time. */
  Map<Instant, String> audit() {
    Map<Instant, String> audit = new TreeMap<>();
    all(AUDIT).forEach((at, what) -> audit.put(Instant.parse(at), what));
    return audit;
  }

  static String audit(Instant at) {
    return AUDIT + at;
  }

  /** The changes of a lane that sends again: it begins anew, and knows how far it was. */
  Map<String, @Nullable String> rewound() {
    Map<String, @Nullable String> changes = without(SENT);
    lastSent()
        .forEach(
            (partition, place) ->
                changes.put(
                    SENT_BEFORE + partition.topic() + '/' + partition.partition(),
                    place.toString()));
    return changes;
  }

  /**
   * The changes of a new series: what was sent is forgotten, where to, and what was said of
   * positions that may be another event's now.
   */
  Map<String, @Nullable String> anew(Position after) {
    Map<String, @Nullable String> changes = without(SENT);
    changes.putAll(without(SENT_BEFORE));
    changes.putAll(without(TOPIC));
    skipped().keySet().stream()
        .filter(position -> position.isAfter(after))
        .forEach(position -> changes.put(skip(position), null));
    parked().values().stream()
        .filter(stream -> stream.since().isAfter(after))
        .forEach(stream -> changes.put(parked(stream.stream()), null));
    return changes;
  }

  private Map<String, @Nullable String> without(String prefix) {
    Map<String, @Nullable String> changes = new TreeMap<>();
    for (String name : notes.keySet()) {
      if (name.startsWith(prefix)) {
        changes.put(name, null);
      }
    }
    return changes;
  }

  private Map<String, String> all(String prefix) {
    return values(prefix, text -> text);
  }

  private <T> Map<String, T> values(String prefix, Function<String, T> parse) {
    Map<String, T> found = new TreeMap<>();
    notes.forEach(
        (name, text) -> {
          if (name.startsWith(prefix)) {
            found.put(name.substring(prefix.length()), parse.apply(text));
          }
        });
    return found;
  }
}
