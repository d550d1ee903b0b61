package dev.pgeventstore.kafka.internal.operate;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.VerificationProgress;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.lead.LeaseLeadership;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.verify.EventWalk;
import dev.pgeventstore.kafka.internal.verify.ExpectedRecord;
import dev.pgeventstore.kafka.internal.verify.Findings;
import dev.pgeventstore.kafka.internal.verify.LaneVerification;
import dev.pgeventstore.kafka.internal.verify.VerificationPlan;
import dev.pgeventstore.spi.EventFeed;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.kafka.common.TopicPartition;

/**
 * What a relay's topics and its store say of notes that were lost: by it they are made anew, lane
 * after lane, and verified before they are noted (docs/adr/0026). For one thread.
 */
public final class Evidence {

  /** Enough for a person. */
  static final int MOST_NAMED = 20;

  private final RelaySpec spec;
  private final EventFeed feed;
  private final KafkaSettings settings;
  private final Consumer<VerificationProgress> listener;
  private final Set<String> topics;
  private final Findings proof = new Findings();

  /**
   * Asks the mapper for the topics of all events: nothing else names them.
   *
   * @param furtherTopics that nothing names any more
   * @param listener told how far it has come
   */
  public Evidence(
      RelaySpec spec,
      EventFeed feed,
      KafkaSettings settings,
      Set<String> furtherTopics,
      Consumer<VerificationProgress> listener)
      throws InterruptedException {
    this.spec = spec;
    this.feed = feed;
    this.settings = settings;
    this.listener = listener;
    this.topics = new HashSet<>(furtherTopics);
    VerificationPlan plan = plan(0, new LaneNotes(Map.of()));
    forEach(
        Position.START,
        feed.highWaterMark(),
        event -> records(event, plan).forEach(record -> topics.add(record.topic())));
  }

  /** Visits the events that the relay publishes. */
  public void forEach(Position after, Position upTo, Consumer<RecordedEvent> visitor)
      throws InterruptedException {
    new EventWalk(feed, spec.query()).run(after, upTo, (events, at) -> events.forEach(visitor));
  }

  /** None if that cannot be told. */
  private static List<ExpectedRecord> records(RecordedEvent event, VerificationPlan plan) {
    return event.isErased() ? List.of() : plan.expected(event).orElse(List.of());
  }

  /** All topics that the lanes may have sent to, as far as anything tells. */
  public Set<String> topics() {
    return topics;
  }

  /**
   * Compares the topics with the store, by what a lane is to note.
   *
   * @param lead is kept meanwhile
   */
  public void verify(int lane, LaneNotes notes, LeaseLeadership lead, Findings findings)
      throws InterruptedException {
    VerificationPlan plan = plan(lane, notes);
    new LaneVerification(plan, plan.lanes().get(lane), findings)
        .run(
            progress -> {
              lead.require();
              listener.accept(progress);
            });
  }

  /**
   * Events behind where a lane stands of which records should be in some partitions.
   *
   * @param upTo inclusive
   * @return where they stand, in order; some of them if there are many
   */
  List<Position> expectedIn(
      int lane, LaneNotes notes, Position upTo, Set<TopicPartition> partitions)
      throws InterruptedException {
    VerificationPlan plan = plan(lane, notes);
    VerificationPlan.Lane of = plan.lanes().get(lane);
    List<Position> found = new ArrayList<>();
    forEach(
        of.position(),
        upTo,
        event -> {
          if (found.size() < MOST_NAMED
              && of.has(event, spec.lanes())
              && records(event, plan).stream()
                  .anyMatch(record -> partitions.contains(of.partition(record)))) {
            found.add(event.position());
          }
        });
    return found;
  }

  /** What was found by the notes that the lanes have from now on. */
  public Findings proof() {
    return proof;
  }

  private VerificationPlan plan(int lane, LaneNotes notes) {
    List<LaneNotes> ofAll = new ArrayList<>();
    for (int other = 0; other < spec.lanes(); other++) {
      ofAll.add(other == lane ? notes : new LaneNotes(Map.of()));
    }
    return VerificationPlan.of(spec, feed, settings, ofAll);
  }
}
