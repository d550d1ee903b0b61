package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.StopSignal;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.history.History;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.TopicLayout;
import dev.pgeventstore.kafka.internal.record.RecordMaker;
import dev.pgeventstore.kafka.internal.topics.TargetTopics;
import dev.pgeventstore.kafka.internal.topics.Topics;
import dev.pgeventstore.kafka.internal.writer.LaneWriter;
import dev.pgeventstore.kafka.internal.writer.PipelinedWriter;
import dev.pgeventstore.kafka.internal.writer.TransactionalWriter;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a lane, or an operator, needs of Kafka and the database while it leads: the topics, a
 * writer, and what publishes. For one thread, but for the writer's {@link LaneWriter#abandon}.
 */
public final class LaneAccess implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(LaneAccess.class);

  private final LaneContext lane;
  private final Topics topics;
  private final LaneBeginning beginning;
  private final LaneWriter writer;
  private final Map<String, TopicLayout> topicOfNotes;
  private final StopSignal stop;
  private final Experience experience;

  /**
   * Looks whether the topics are there and fit, and makes a writer.
   *
   * @throws RelayHaltedException if they are not
   */
  public LaneAccess(
      LaneContext lane, StopSignal stop, LaneBeginning.Start start, Experience experience)
      throws InterruptedException {
    this.lane = lane;
    this.stop = stop;
    this.experience = experience;
    this.topics = new Topics(lane.settings(), stop, experience.contact());
    this.beginning = new LaneBeginning(lane, topics, start);
    try {
      beginning.require();
      this.topicOfNotes = topicOfNotes();
      this.writer = makeWriter();
    } catch (RuntimeException | InterruptedException e) {
      topics.close();
      throw e;
    }
  }

  private Map<String, TopicLayout> topicOfNotes() throws InterruptedException {
    if (!lane.isExactlyOnce()) {
      return Map.of();
    }
    String name = lane.positions().name();
    return topics.await(name).map(layout -> Map.of(name, layout)).orElse(Map.of());
  }

  private LaneWriter makeWriter() {
    return lane.isExactlyOnce()
        ? new TransactionalWriter(
            lane.settings(),
            lane.spec().transactionalId(lane.databaseId(), lane.number()),
            lane.positions(),
            topics,
            lane.number(),
            experience.size())
        : new PipelinedWriter(
            lane.settings(),
            lane.leadership().lease().orElseThrow(),
            lane.leadership(),
            experience.size());
  }

  public LaneContext lane() {
    return lane;
  }

  public LaneBeginning beginning() {
    return beginning;
  }

  public LaneWriter writer() {
    return writer;
  }

  /** What the lane has noted. */
  public LaneNotes readNotes() throws InterruptedException {
    return writer.read();
  }

  /**
   * Where the lane stands; where it starts, if it never ran.
   *
   * @throws RelayHaltedException if that cannot be told
   */
  public LanePosition position(LaneNotes notes) throws InterruptedException {
    return beginning.position(notes, writer);
  }

  /** Publishes from a position on, and looks after the topics meanwhile. */
  public void publish(LaneNotes notes, LanePosition position, Progress progress, Work work)
      throws InterruptedException {
    RelaySpec spec = lane.spec();
    KafkaSettings settings = lane.settings();
    TargetTopics targets = targets(notes);
    String name = "eventstore-relay-%s-%d".formatted(spec.name(), lane.number());
    History history =
        new History(
            lane.feed(),
            lane.databaseId(),
            lane.tail(notes),
            notes,
            spec.delivery(),
            lane.leadership().lease());
    try (Watch watch =
            new Watch(
                settings.scheduler(),
                name + "-watch",
                targets,
                lane.feed(),
                progress,
                writer::abandon);
        Preparer preparer =
            new Preparer(
                name + "-pages", lane, maker(notes, targets), history, position, experience)) {
      try {
        work.on(
            new Publishing(
                writer,
                preparer,
                experience.refusals(),
                watch,
                lane,
                progress,
                stop,
                position.in(lane.databaseId())));
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

  private TargetTopics targets(LaneNotes notes) {
    return new TargetTopics(topics, lane.settings().maxRequestSize(), notes.topics(), topicOfNotes);
  }

  private RecordMaker maker(LaneNotes notes, TargetTopics targets) {
    return new RecordMaker(
        lane.spec(), lane.number(), lane.databaseId(), notes, targets, experience.refusals());
  }

  public RecordMaker maker(LaneNotes notes) {
    return maker(notes, targets(notes));
  }

  /** Those of some topics that exist, and of all that the relay is declared with. */
  public Map<String, TopicLayout> existing(Set<String> wanted) throws InterruptedException {
    Map<String, TopicLayout> found = new TreeMap<>();
    Set<String> names = new HashSet<>(wanted);
    names.addAll(lane.declaredTopics());
    // Whatever asks for it, no record goes to such a topic.
    names.removeIf(
        name -> name.equals(lane.positions().name()) || name.startsWith(RelaySpec.POSITION_TOPICS));
    for (String name : names) {
      try {
        topics.find(name).ifPresent(layout -> found.put(name, layout));
      } catch (InvalidTopicException e) {
        LOG.debug("No topic has such a name", e);
      }
    }
    return found;
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
