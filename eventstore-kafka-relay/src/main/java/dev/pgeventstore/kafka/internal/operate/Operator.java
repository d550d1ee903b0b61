package dev.pgeventstore.kafka.internal.operate;

import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.VerificationProgress;
import dev.pgeventstore.kafka.VerificationReport;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.StopSignal;
import dev.pgeventstore.kafka.internal.clients.Contact;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.lead.LeaseLeadership;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.relay.Experience;
import dev.pgeventstore.kafka.internal.relay.LaneAccess;
import dev.pgeventstore.kafka.internal.relay.LaneBeginning.Start;
import dev.pgeventstore.kafka.internal.relay.LaneContext;
import dev.pgeventstore.kafka.internal.topics.PositionTopic;
import dev.pgeventstore.kafka.internal.topics.Topics;
import dev.pgeventstore.kafka.internal.verify.RelayVerification;
import dev.pgeventstore.kafka.internal.verify.VerificationPlan;
import dev.pgeventstore.spi.EventFeed;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Works on a relay's lanes from outside of it: looks at their notes, or takes the lead of one and
 * changes something.
 */
public record Operator(RelaySpec spec, EventFeed feed, KafkaSettings settings) {

  /** What all lanes have noted. Does not take the lead. */
  public List<LaneNotes> lookAtAll() throws InterruptedException {
    List<LaneNotes> notes = new ArrayList<>();
    for (int lane = 0; lane < spec.lanes(); lane++) {
      notes.add(look(lane));
    }
    return notes;
  }

  /** What a lane has noted. */
  public LaneNotes look(int lane) throws InterruptedException {
    if (spec.delivery() == Delivery.AT_LEAST_ONCE) {
      return new LaneNotes(feed.notes(spec.leaseName(), lane));
    }
    String name = spec.positionTopicName(feed.databaseId());
    try (Topics topics = new Topics(settings, new StopSignal(scheduler()))) {
      return topics.find(name).isEmpty()
          ? new LaneNotes(Map.of())
          : new PositionTopic(name, spec.lanes(), spec.topic()).read(topics, settings, lane);
    }
  }

  /**
   * Compares the topics of a cluster with the store, by what all lanes have noted here.
   *
   * @param listener told how far it has come
   */
  public VerificationReport verify(KafkaSettings cluster, Consumer<VerificationProgress> listener)
      throws InterruptedException {
    return RelayVerification.run(VerificationPlan.of(spec, feed, cluster, lookAtAll()), listener);
  }

  /**
   * Takes the lead of a lane and works on it.
   *
   * @param start how it is taken if it has no position
   */
  public void onLane(int lane, Start start, Work work) throws InterruptedException {
    LeaseLeadership lead = LeaseLeadership.seized(scheduler(), feed, spec, lane);
    try (LaneAccess access = open(new LaneContext(spec, lane, feed, settings, lead), start)) {
      access.writer().takeOver();
      work.on(access, lead);
    } finally {
      lead.release();
    }
  }

  LaneAccess open(LaneContext lane, Start start) throws InterruptedException {
    return new LaneAccess(
        lane,
        new StopSignal(scheduler()),
        start,
        Experience.none(settings, spec.leaseTtl(), Contact.once()));
  }

  /**
   * Changes the notes of all lanes.
   *
   * @param what for the audit
   */
  public void changeAll(String what, Change change) throws InterruptedException {
    for (int lane = 0; lane < spec.lanes(); lane++) {
      change(lane, what, change);
    }
  }

  /**
   * Changes the notes of a lane.
   *
   * @param what for the audit
   */
  public void change(int lane, String what, Change change) throws InterruptedException {
    onLane(
        lane,
        Start.CAREFUL,
        (access, lead) -> {
          Map<String, @Nullable String> changes =
              new HashMap<>(change.of(access, access.readNotes()));
          changes.put(LaneNotes.auditNow(), what);
          access.writer().commit(changes, () -> {});
          access.writer().finish();
        });
  }

  /** At least once the relay that led before is certain to send no more only after this. */
  void awaitSilence(Delivery delivery) throws InterruptedException {
    if (delivery == Delivery.AT_LEAST_ONCE) {
      scheduler().sleep(Durations.nanos(spec.leaseTtl()));
    }
  }

  public Scheduler scheduler() {
    return settings.scheduler();
  }

  /** What is to be noted. */
  public interface Change {
    Map<String, @Nullable String> of(LaneAccess access, LaneNotes notes)
        throws InterruptedException;
  }

  /** What is done while no other process leads. */
  public interface Work {
    void on(LaneAccess access, LeaseLeadership lead) throws InterruptedException;
  }
}
