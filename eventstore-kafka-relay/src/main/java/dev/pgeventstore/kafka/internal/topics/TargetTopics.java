package dev.pgeventstore.kafka.internal.topics;

import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.TopicLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The topics that a lane sends to. How many partitions one has is frozen when a record is first
 * sent to it. The thread that makes records adds topics; others may look whether they are still
 * there.
 */
public final class TargetTopics {

  private static final Logger LOG = LoggerFactory.getLogger(TargetTopics.class);

  private final Topics topics;
  private final int maxRequestSize;
  private final Map<String, TopicLayout> frozen;
  private final Map<String, TopicLayout> ofNotes;
  private final Map<String, Target> targets = new ConcurrentHashMap<>();
  private final Set<String> grown = ConcurrentHashMap.newKeySet();
  private Map<String, String> notes = new HashMap<>();

  /**
   * Topics to send to.
   *
   * @param frozen those that were sent to, as they were then
   * @param ofNotes where the relay's notes are, as it was found; empty if it is no topic
   */
  public TargetTopics(
      Topics topics,
      int maxRequestSize,
      Map<String, TopicLayout> frozen,
      Map<String, TopicLayout> ofNotes) {
    this.ofNotes = ofNotes;
    this.topics = topics;
    this.maxRequestSize = maxRequestSize;
    this.frozen = new ConcurrentHashMap<>(frozen);
  }

  /**
   * A topic to send to.
   *
   * @throws RelayHaltedException if it was deleted, or is another one than it was
   * @throws IllegalArgumentException if nothing was ever sent to it, and it does not exist
   */
  public Target target(String name) throws InterruptedException {
    Target known = targets.get(name);
    return known == null ? find(name) : known;
  }

  private Target find(String name) throws InterruptedException {
    TopicLayout before = frozen.get(name);
    if (before != null) {
      requireSame(name, before);
    }
    TopicLayout layout =
        before != null
            ? before
            : topics
                .await(name)
                .orElseThrow(
                    () ->
                        new IllegalArgumentException(
                            "topic %s does not exist: create it, with as many partitions as it will ever need"
                                .formatted(name)));
    Target target =
        new Target(
            name,
            new Partitioner(layout.partitions()),
            Math.min(maxRequestSize, topics.maxMessageBytes(name)));
    if (before == null) {
      // A leader that answers has heard of the topic. One that has not may refuse the first batch
      // and take the second (KAFKA-15591).
      topics.wasWrittenTo(name, layout.partitions());
      frozen.put(name, layout);
      notes.put(LaneNotes.topic(name), layout.format());
    }
    targets.put(name, target);
    return target;
  }

  /** The notes of topics that were added since this was last called. */
  public Map<String, String> takeNotes() {
    if (notes.isEmpty()) {
      return Map.of();
    }
    Map<String, String> taken = notes;
    notes = new HashMap<>();
    return taken;
  }

  /**
   * Looks whether all topics are still there.
   *
   * @throws RelayHaltedException if one was deleted, or is another one than it was
   */
  public void requireAll() throws InterruptedException {
    for (Map.Entry<String, TopicLayout> topic : frozen.entrySet()) {
      requireSame(topic.getKey(), topic.getValue());
    }
    for (Map.Entry<String, TopicLayout> topic : ofNotes.entrySet()) {
      requireSameNotes(topic.getKey(), topic.getValue());
    }
  }

  /** Where brokers create what a producer asks for, the notes would go on in a topic that loses. */
  private void requireSameNotes(String name, TopicLayout before) throws InterruptedException {
    Optional<TopicLayout> now = topics.await(name);
    if (now.isEmpty() || !now.get().id().equals(before.id())) {
      throw new RelayHaltedException(
          "position topic %s was deleted while the relay ran%s: bring it back, or delete what is left of it and start the relay, which says how to go on"
              .formatted(name, now.isEmpty() ? "" : ", and created anew"));
    }
  }

  private void requireSame(String name, TopicLayout before) throws InterruptedException {
    Optional<TopicLayout> now = topics.await(name);
    if (now.isEmpty()) {
      throw new RelayHaltedException(
          "topic %s does not exist any more: with it went what was published to it. Create it and begin a new series (RelayOperations.newSeries), or go on without it by another relay"
              .formatted(name));
    }
    if (!now.get().id().equals(before.id())) {
      throw new RelayHaltedException(
          "topic %s was deleted and created anew: what was published to it is gone. Begin a new series (RelayOperations.newSeries) after the position from which on the new topic is to have events. Or is the relay at work in another cluster since it was moved there? Then start it with that one's settings"
              .formatted(name));
    }
    if (now.get().partitions() > before.partitions() && grown.add(name)) {
      LOG.warn(
          "Topic {} has grown from {} to {} partitions. The relay goes on using the first {}, or streams would change theirs; RelayOperations.redeclare begins a new series that uses all",
          name,
          before.partitions(),
          now.get().partitions(),
          before.partitions());
    }
  }

  /**
   * A topic to send to.
   *
   * @param topic its name
   * @param partitioner over the partitions it had
   * @param maxBytes the most that a record may take
   */
  public record Target(String topic, Partitioner partitioner, int maxBytes) {}
}
