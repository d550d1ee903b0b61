package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.internal.Declaration;
import dev.pgeventstore.kafka.internal.RelayHaltedException;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.StopSignal;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.history.History;
import dev.pgeventstore.kafka.internal.history.OwnRecord;
import dev.pgeventstore.kafka.internal.history.PublishedTail;
import dev.pgeventstore.kafka.internal.history.TailFindings;
import dev.pgeventstore.kafka.internal.history.TailFindings.Comparison;
import dev.pgeventstore.kafka.internal.lead.Leadership;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.LanePosition.Anchor;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.position.TokenLedger;
import dev.pgeventstore.kafka.internal.position.Tokens;
import dev.pgeventstore.kafka.internal.position.TopicLayout;
import dev.pgeventstore.kafka.internal.record.Parcel;
import dev.pgeventstore.kafka.internal.record.ParcelBuilder;
import dev.pgeventstore.kafka.internal.record.RecordMaker;
import dev.pgeventstore.kafka.internal.topics.PositionTopic;
import dev.pgeventstore.kafka.internal.topics.TargetTopics;
import dev.pgeventstore.kafka.internal.topics.Topics;
import dev.pgeventstore.kafka.internal.writer.LaneWriter;
import dev.pgeventstore.kafka.internal.writer.PipelinedWriter;
import dev.pgeventstore.kafka.internal.writer.TransactionalWriter;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.Lease;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What whoever works on a lane needs of Kafka and the database, be it the lane itself or an
 * operator. For one thread, but for the writer's {@link LaneWriter#abandon}.
 */
public final class LaneAccess implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(LaneAccess.class);

  private final RelaySpec spec;
  private final int lane;
  private final EventFeed feed;
  private final KafkaSettings settings;
  private final Topics topics;
  private final String databaseId;
  private final PositionTopic positions;
  private final LaneWriter writer;
  private final Map<String, TopicLayout> topicOfNotes;
  private final Leadership leadership;
  private final StopSignal stop;
  private final Start start;
  private final Experience experience;
  private String life = "";

  /**
   * Looks whether the topics are there and fit, and makes a writer.
   *
   * @throws RelayHaltedException if they are not
   */
  public LaneAccess(
      RelaySpec spec,
      int lane,
      EventFeed feed,
      KafkaSettings settings,
      Leadership leadership,
      StopSignal stop,
      Start start,
      Experience experience)
      throws InterruptedException {
    this.spec = spec;
    this.lane = lane;
    this.feed = feed;
    this.settings = settings;
    this.leadership = leadership;
    this.stop = stop;
    this.start = start;
    this.experience = experience;
    this.databaseId = feed.databaseId();
    this.positions =
        new PositionTopic(spec.positionTopicName(databaseId), spec.lanes(), spec.topic());
    this.topics = new Topics(settings, stop, experience.contact());
    try {
      if (start != Start.REDECLARED) {
        leaseNotes().declared().ifPresent(this::requireSame);
      }
      requireTopics();
      this.topicOfNotes = topicOfNotes();
      this.writer = makeWriter();
    } catch (RuntimeException | InterruptedException e) {
      topics.close();
      throw e;
    }
  }

  private Map<String, TopicLayout> topicOfNotes() throws InterruptedException {
    return spec.delivery() == Delivery.AT_LEAST_ONCE
        ? Map.of()
        : topics
            .await(positions.name())
            .map(layout -> Map.of(positions.name(), layout))
            .orElse(Map.of());
  }

  private LaneWriter makeWriter() {
    return spec.delivery() == Delivery.EXACTLY_ONCE
        ? new TransactionalWriter(
            settings,
            spec.transactionalId(databaseId, lane),
            positions,
            topics,
            lane,
            experience.size())
        : new PipelinedWriter(
            settings, leadership.lease().orElseThrow(), leadership, experience.size());
  }

  private void requireSame(Declaration declared) {
    declared.requireSame(spec.name(), spec.declaration());
  }

  /** Of the database, wherever the lane keeps its own. */
  public LaneNotes leaseNotes() {
    return new LaneNotes(leadership.lease().map(Lease::notes).orElse(Map.of()));
  }

  private void requireTopics() throws InterruptedException {
    if (spec.topic().equals(positions.name())) {
      throw new RelayHaltedException(
          "topic %s is for the relay's notes only, not for events".formatted(spec.topic()));
    }
    int partitions = 0;
    if (!spec.topic().isEmpty()) {
      partitions =
          topics
              .await(spec.topic())
              .orElseThrow(
                  () ->
                      new RelayHaltedException(
                          "topic %s does not exist: create it, with as many partitions as it will ever need"
                              .formatted(spec.topic())))
              .partitions();
    }
    if (spec.delivery() == Delivery.EXACTLY_ONCE) {
      positions.require(
          topics,
          partitions,
          written -> requireNew("position topic " + positions.name() + " is missing", written));
    }
  }

  /**
   * A lane without a position is a new one, or has lost it. By the database, or by records of its
   * own, it has begun before: then {@code startAfter}, which may still be in the code, is of no
   * use.
   *
   * @param what is missing
   * @param written whether the relay's topic has any records
   * @throws RelayHaltedException unless it is new, and knows where to start
   */
  private void requireNew(String what, boolean written) {
    if (start != Start.CAREFUL) {
      return;
    }
    boolean begun = hasBegun();
    List<OwnRecord> own = published();
    if (begun || !own.isEmpty()) {
      throw new RelayHaltedException(
          "%s, but relay %s has published: starting at the first event would repeat what is there, and startAfter is for a relay that has never begun. If the position was lost, bring it back, or let RelayOperations.recover(…) find it in the topics. Where that is refused, go on behind what is published with RelayOperations.newSeries(%sPosition.of(%s), …): what waits of parked streams is lost then.%s"
              .formatted(
                  what,
                  spec.name(),
                  TailFindings.ofLane(lane, spec.lanes()),
                  lastPosition(own),
                  begun
                      ? ""
                      : " If another store has published it by a relay of this name, give this relay another one: names must differ within a topic."));
    }
    if (written && spec.startAfter().isEmpty()) {
      throw new RelayHaltedException(
          "%s, and topic %s was written to, though not by this relay as far as can be seen: starting at the first event might repeat what is there. If the records are somebody else's, start with startAfter(Position.START), or with startAfter the last event that they have"
              .formatted(what, spec.topic()));
    }
  }

  private static String lastPosition(List<OwnRecord> own) {
    return own.stream()
        .map(record -> record.place().position())
        .max(Position::compareTo)
        .map(Position::toString)
        .orElse("the es_position of its last record");
  }

  /** By what the database says: with the lease, where the position is in Kafka. */
  private boolean hasBegun() {
    Map<String, String> notes = leaseNotes().all();
    // Whatever was sent has a token, also if what notes that it has begun got lost.
    return notes.containsKey(LaneNotes.BEGUN)
        || notes.containsKey(TokenLedger.NOTE)
        || notes.containsKey(LaneNotes.POSITION);
  }

  /** The last records of the lane that are committed, of any series. */
  private List<OwnRecord> published() {
    return publishedTail(Set.of()).published();
  }

  public LaneWriter writer() {
    return writer;
  }

  public LaneNotes readNotes() throws InterruptedException {
    return writer.read();
  }

  private TargetTopics targets(LaneNotes notes) {
    return new TargetTopics(topics, settings.maxRequestSize(), notes.topics(), topicOfNotes);
  }

  /** Publishes from a position on, and looks after the topics meanwhile. */
  public void publish(
      LaneNotes notes, LanePosition position, Leadership leadership, Progress progress, Work work)
      throws InterruptedException {
    TargetTopics targets = targets(notes);
    String name = "eventstore-relay-%s-%d".formatted(spec.name(), lane);
    History history =
        new History(feed, databaseId, tail(notes), notes, spec.delivery(), leadership.lease());
    try (Watch watch =
            new Watch(
                settings.scheduler(), name + "-watch", targets, feed, progress, writer::abandon);
        Preparer preparer =
            new Preparer(
                settings.scheduler(),
                name + "-pages",
                spec,
                lane,
                feed,
                maker(notes, targets),
                history,
                position,
                experience)) {
      try {
        work.on(
            new Publishing(
                settings.scheduler(),
                writer,
                preparer,
                experience.refusals(),
                watch,
                leadership,
                progress,
                stop,
                position.in(databaseId)));
      } catch (RelayHaltedException e) {
        throw e;
      } catch (RuntimeException e) {
        RelayHaltedException finding = watch.finding();
        if (finding != null) {
          finding.addSuppressed(e);
          throw finding;
        }
        throw e;
      }
    }
  }

  private RecordMaker maker(LaneNotes notes, TargetTopics targets) {
    return new RecordMaker(spec, lane, databaseId, notes, targets, experience.refusals());
  }

  public RecordMaker maker(LaneNotes notes) {
    return maker(notes, targets(notes));
  }

  private PublishedTail tail(LaneNotes notes) {
    return publishedTail(notes.topics().keySet());
  }

  /** Those of some topics that exist, and of all that the relay is declared with. */
  public Map<String, TopicLayout> existing(Set<String> wanted) throws InterruptedException {
    Map<String, TopicLayout> found = new TreeMap<>();
    Set<String> names = new HashSet<>(wanted);
    names.addAll(declaredTopics());
    // Whatever asks for it, no record goes to such a topic.
    names.removeIf(
        name -> name.equals(positions.name()) || name.startsWith(RelaySpec.POSITION_TOPICS));
    for (String name : names) {
      try {
        topics.find(name).ifPresent(layout -> found.put(name, layout));
      } catch (InvalidTopicException e) {
        LOG.debug("No topic has such a name", e);
      }
    }
    return found;
  }

  private Set<String> declaredTopics() {
    Set<String> names = new HashSet<>();
    spec.deadLetters().ifPresent(names::add);
    if (!spec.topic().isEmpty()) {
      names.add(spec.topic());
    }
    return names;
  }

  /** Of all topics there are: notes of what was sent may have gone back. */
  private PublishedTail publishedTail(Set<String> noted) {
    Set<String> names = new HashSet<>(noted);
    names.addAll(declaredTopics());
    return tailIn(names);
  }

  /** In topics that exist. */
  public PublishedTail tailIn(Set<String> names) {
    return new PublishedTail(settings, spec.name(), lane, names);
  }

  /** The tokens that the database knows to have drawn. */
  public TokenLedger ledger() {
    return new Tokens(leadership.lease()).ledger();
  }

  /**
   * Begins a new series behind a position.
   *
   * @param before what the lane has noted
   * @param changes what is noted besides
   */
  public void beginSeries(LaneNotes before, Position after, Map<String, @Nullable String> changes)
      throws InterruptedException {
    changes.put(LaneNotes.POSITION, at(after).format());
    changes.put(LaneNotes.START, after.toString());
    changes.put(LaneNotes.SERIES, Integer.toString(nextSeries(before)));
    changes.putAll(tokensAnew(before.token().map(Token::number).orElse(0L), after));
    commitAnew(after, before.waitingSince(after), changes);
  }

  /**
   * Notes anew what was lost of the lane's notes. What it is about must have been read after {@link
   * #readsFromNowOn}.
   *
   * @param found all that the lane is to know
   * @param highestToken the number of the last token that is known in Kafka
   * @param why for the audit
   */
  public void recover(LaneNotes found, long highestToken, String why) throws InterruptedException {
    Map<String, @Nullable String> changes = new HashMap<>();
    readNotes().ofLane().keySet().forEach(name -> changes.put(name, null));
    changes.putAll(found.all());
    changes.put(LaneNotes.auditNow(), why);
    LanePosition position = found.position().orElseThrow();
    changes.putAll(tokensAnew(highestToken, position.position()));
    commitAnew(found.start(), found.waitingSince(found.start()), changes);
  }

  /**
   * Notes where the lane stands.
   *
   * @param after which position its series begins
   * @param waiting streams that waited then
   */
  private void commitAnew(
      Position after, Map<StreamId, Position> waiting, Map<String, @Nullable String> changes)
      throws InterruptedException {
    changes.put(Declaration.NOTE, spec.declaration().format());
    writer.commit(changes, () -> {});
    writer.finish();
    // Last: until then the earlier declaration counts, and this can be called again.
    noteBegun(after, waiting);
  }

  /**
   * Where the lane stands by its notes, if it has sent nothing beyond; where it starts, if it never
   * ran.
   *
   * @throws IllegalStateException if it has, or its position was lost
   * @throws RelayHaltedException if it has another number of lanes
   */
  public LanePosition standing(LaneNotes notes) {
    LanePosition position = notes.position().orElseGet(this::notBegun);
    requireSameLanes(position);
    // What it is to send again would stand in the new series, where readers cannot know it.
    boolean isRewound =
        notes.lastSent().values().stream()
            .anyMatch(place -> place.position().isAfter(position.position()));
    if (isRewound) {
      throw new IllegalStateException(
          "the relay was rewound to %s, and has not come to where it was: start it as it was declared before, and stop it when it has caught up"
              .formatted(position.position()));
    }
    List<OwnRecord> beyond =
        new Comparison(feed, notes, true, Optional.empty(), Optional.empty())
            .of(tail(notes).published())
            .beyond();
    if (!beyond.isEmpty()) {
      throw new IllegalStateException(
          "the relay has sent more than it has noted, up to %s: start it as it was declared before, and stop it when it has caught up"
              .formatted(beyond.get(beyond.size() - 1)));
    }
    return position;
  }

  public int lane() {
    return lane;
  }

  /** The number of a series that is none of those that were published or noted. */
  int nextSeries(LaneNotes notes) {
    return 1
        + tail(notes).committed().stream()
            .mapToInt(OwnRecord::series)
            .reduce(notes.series(), Math::max);
  }

  /**
   * Where the lane stands; where it starts, if it never ran.
   *
   * @throws RelayHaltedException if that cannot be told
   */
  public LanePosition position(LaneNotes notes) throws InterruptedException {
    Optional<LanePosition> found = notes.position();
    if (found.isEmpty()) {
      return start();
    }
    requireSameLanes(found.get());
    notes.declared().ifPresent(this::requireSame);
    if (notes.declared().isEmpty() || leaseNotes().declared().isEmpty()) {
      Map<String, @Nullable String> declared = new HashMap<>();
      declared.put(Declaration.NOTE, spec.declaration().format());
      writer.commit(declared, () -> {});
      writer.finish();
      noteInDatabase(Map.of());
    }
    return found.get();
  }

  private void requireSameLanes(LanePosition position) {
    if (position.lanes() != spec.lanes()) {
      throw new RelayHaltedException(
          "the relay ran with %d lanes, and has %d now: streams would change their lanes"
              .formatted(position.lanes(), spec.lanes()));
    }
  }

  /** A relay may be stopped before all of its lanes have begun. Then none has sent anything. */
  private LanePosition notBegun() {
    if (hasBegun() || !published().isEmpty()) {
      throw new IllegalStateException(
          "lane %d of relay %s has published, but has no position any more: declare the relay as it was, and let RelayOperations.recover(…) find it in the topics"
              .formatted(lane, spec.name()));
    }
    return declaredStart();
  }

  private LanePosition start() throws InterruptedException {
    for (int other = 0; other < spec.lanes(); other++) {
      // One that is new among others that are not would publish their streams once more.
      notesOf(other).position().ifPresent(this::requireSameLanes);
    }
    requireNew(
        spec.delivery() == Delivery.EXACTLY_ONCE
            ? "position topic %s has no position of lane %d".formatted(positions.name(), lane)
            : "the database has no position of lane %d of the relay".formatted(lane),
        isTargetWritten());
    return begin(new HashMap<>());
  }

  /**
   * Begins where the relay is declared to.
   *
   * @param changes what is noted besides
   */
  public LanePosition begin(Map<String, @Nullable String> changes) throws InterruptedException {
    LanePosition start = declaredStart();
    changes.put(LaneNotes.POSITION, start.format());
    changes.put(LaneNotes.START, start.position().toString());
    changes.put(Declaration.NOTE, spec.declaration().format());
    // By itself: from now on there is a position, whatever the first events come to.
    writer.commit(changes, () -> {});
    writer.finish();
    noteBegun(start.position(), Map.of());
    return start;
  }

  private LanePosition declaredStart() {
    return at(spec.startAfter().orElse(Position.START));
  }

  /**
   * Where the position is in Kafka, the database knows that there must be one, and what of the
   * series no topic can tell: where it began, and what waited then.
   */
  private void noteBegun(Position position, Map<StreamId, Position> waiting) {
    Map<String, @Nullable String> changes = leaseNotes().waitedAnew(waiting);
    changes.put(LaneNotes.BEGUN, position.toString());
    noteInDatabase(changes);
  }

  /** At least once the lane's notes are there anyway. */
  private void noteInDatabase(Map<String, @Nullable String> notes) {
    if (spec.delivery() == Delivery.EXACTLY_ONCE) {
      Map<String, @Nullable String> all = new HashMap<>(notes);
      all.put(Declaration.NOTE, spec.declaration().format());
      leadership.lease().ifPresent(lease -> lease.note(all));
    }
  }

  private boolean isTargetWritten() throws InterruptedException {
    return !spec.topic().isEmpty()
        && topics.wasWrittenTo(
            spec.topic(), topics.await(spec.topic()).map(TopicLayout::partitions).orElse(0));
  }

  /**
   * The first lane that has no position yet. None may send before all have one: whoever finds a
   * topic that was written to, and no position, must take it for lost.
   *
   * @return empty if all have
   */
  Optional<Integer> laneWithoutPosition() throws InterruptedException {
    for (int other = 0; other < spec.lanes(); other++) {
      if (other != lane && notesOf(other).position().isEmpty()) {
        return Optional.of(other);
      }
    }
    return Optional.empty();
  }

  private LaneNotes notesOf(int other) throws InterruptedException {
    return spec.delivery() == Delivery.EXACTLY_ONCE
        ? positions.read(topics, settings, other)
        : new LaneNotes(feed.notes(spec.leaseName(), other));
  }

  /**
   * A position of this store.
   *
   * @throws IllegalStateException if it is not settled
   */
  public LanePosition at(Position position) {
    if (position.isAfter(feed.highWaterMark())) {
      throw new IllegalStateException(
          "position %s lies beyond the high-water mark: events may still appear below it"
              .formatted(position));
    }
    Optional<Anchor> anchor = feed.lastUpTo(position).map(Anchor::of);
    return new LanePosition(position, anchor, databaseId, spec.lanes());
  }

  /** How a lane without a position is taken. */
  public enum Start {
    /** As one that is new or has lost it. */
    CAREFUL,
    /** Its position may be lost, and is about to be noted anew. */
    LOST,
    /** So is all that it is declared with. */
    REDECLARED
  }

  /** What is sent by {@link #send} must have been read after this. */
  public void readsFromNowOn() {
    life = feed.life();
  }

  /**
   * Sends what an operator adds to what the lane publishes, and waits for it. The history must have
   * been compared since {@link #readsFromNowOn}.
   *
   * @param reached where the lane stands
   */
  public void send(RecordMaker maker, ParcelBuilder records, Position reached) {
    maker.noteTopics(records);
    Optional<Token> token = new Tokens(leadership.lease()).draw(reached, life);
    token.ifPresent(drawn -> records.note(LaneNotes.TOKEN, drawn.toString()));
    Parcel parcel = records.build(reached, reached, token);
    writer.send(parcel);
    writer.commit(parcel.notes(), () -> {});
    writer.finish();
  }

  /**
   * Lets the database begin anew with its tokens, so that it and Kafka agree again.
   *
   * @param highestInKafka the number of the last token that is known there
   * @param after everything up to there is taken for published
   * @return what is to be noted with the change that this is for
   */
  private Map<String, @Nullable String> tokensAnew(long highestInKafka, Position after) {
    Optional<Lease> lease = leadership.lease();
    if (lease.isEmpty()) {
      return Map.of();
    }
    String before = lease.get().notes().get(TokenLedger.NOTE);
    TokenLedger ledger =
        TokenLedger.anew(Math.max(TokenLedger.parse(before).lastNumber(), highestInKafka), after);
    Map<String, @Nullable String> changes = new HashMap<>();
    changes.put(LaneNotes.TOKEN, ledger.last().map(Token::toString).orElse(null));
    if (spec.delivery() == Delivery.AT_LEAST_ONCE) {
      // With the others, or what was sent before would pass for tied to this database.
      changes.put(TokenLedger.NOTE, ledger.format());
    } else if (!lease
        .get()
        .replaceNote(
            life.isEmpty() ? feed.life() : life, TokenLedger.NOTE, before, ledger.format())) {
      throw new IllegalStateException(
          "another relay has taken the lead, or the database was restarted: try again");
    }
    return changes;
  }

  /** What is done with what publishes. */
  public interface Work {
    void on(Publishing publishing) throws InterruptedException;
  }

  @Override
  public void close() {
    writer.close();
    topics.close();
  }
}
