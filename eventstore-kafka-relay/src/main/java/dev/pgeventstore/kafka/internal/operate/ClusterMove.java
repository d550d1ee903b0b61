package dev.pgeventstore.kafka.internal.operate;

import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.VerificationProgress;
import dev.pgeventstore.kafka.VerificationReport;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.StopSignal;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.TopicLayout;
import dev.pgeventstore.kafka.internal.topics.PositionTopic;
import dev.pgeventstore.kafka.internal.topics.Topics;
import dev.pgeventstore.kafka.internal.writer.LaneWriter;
import dev.pgeventstore.kafka.internal.writer.TransactionSize;
import dev.pgeventstore.kafka.internal.writer.TransactionalWriter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Writes a lane's notes for another cluster, which has copies of the lane's topics. They are the
 * same, but for the topics' ids and the pause.
 */
public final class ClusterMove {

  /** How the audit's note of a move begins. */
  private static final String AUDITED = "move to another cluster: ";

  private final Operator operator;
  private final RelaySpec spec;
  private final KafkaSettings target;

  public ClusterMove(Operator operator, KafkaSettings target) {
    this.operator = operator;
    this.spec = operator.spec();
    this.target = target;
  }

  /**
   * Moves the relay, if the copies of its topics are exact.
   *
   * @throws IllegalStateException if that cannot be done; nothing was changed
   */
  public VerificationReport run(String why, Consumer<VerificationProgress> listener)
      throws InterruptedException {
    List<LaneNotes> all = operator.lookAtAll();
    for (LaneNotes notes : all) {
      if (!isDone(notes)) {
        requirePaused(notes);
      }
      // Before anything is changed.
      Map<String, @Nullable String> unused = changes(notes, "");
    }
    if (spec.delivery() == Delivery.EXACTLY_ONCE) {
      List<LaneNotes> there = new Operator(spec, operator.feed(), target).lookAtAll();
      for (int lane = 0; lane < spec.lanes(); lane++) {
        requireNoOther(all.get(lane), there.get(lane));
      }
    }
    VerificationReport report = operator.verify(target, listener);
    if (!report.isExact()) {
      throw new IllegalStateException("the copies are not exact: " + report);
    }
    String what = AUDITED + why;
    if (spec.delivery() == Delivery.AT_LEAST_ONCE) {
      operator.changeAll(
          what, (access, notes) -> isDone(notes) ? Map.of() : changes(requirePaused(notes), what));
    } else {
      operator.changeAll(
          what,
          (access, notes) -> {
            write(access.lane().number(), requirePaused(notes), what);
            return Map.of(LaneNotes.PAUSED, what);
          });
    }
    return report;
  }

  private LaneNotes requirePaused(LaneNotes notes) {
    if (notes.paused().isEmpty()) {
      throw new IllegalStateException(
          "relay %s is not paused: drain or pause it first, and copy its topics then"
              .formatted(spec.name()));
    }
    return notes;
  }

  /**
   * The changes of a lane whose topics are the copies from now on.
   *
   * @throws IllegalStateException if the other cluster lacks one of them, or some of its partitions
   */
  private Map<String, @Nullable String> changes(LaneNotes notes, String what)
      throws InterruptedException {
    Map<String, @Nullable String> changes = new HashMap<>();
    try (Topics topics = topics()) {
      for (Map.Entry<String, TopicLayout> topic : notes.topics().entrySet()) {
        changes.put(
            LaneNotes.topic(topic.getKey()),
            copy(topics, topic.getKey(), topic.getValue()).format());
      }
    }
    changes.put(LaneNotes.PAUSED, null);
    changes.put(LaneNotes.auditNow(), what);
    return changes;
  }

  /** Whether these are notes in the database that a move has changed which was not finished. */
  private boolean isDone(LaneNotes notes) throws InterruptedException {
    List<String> audited = List.copyOf(notes.audit().values());
    if (notes.paused().isPresent()
        || audited.isEmpty()
        || !audited.get(audited.size() - 1).startsWith(AUDITED)) {
      return false;
    }
    try (Topics topics = topics()) {
      for (Map.Entry<String, TopicLayout> topic : notes.topics().entrySet()) {
        if (!copy(topics, topic.getKey(), topic.getValue()).equals(topic.getValue())) {
          return false;
        }
      }
    }
    return true;
  }

  private static TopicLayout copy(Topics topics, String name, TopicLayout before)
      throws InterruptedException {
    TopicLayout there =
        topics
            .await(name)
            .orElseThrow(
                () ->
                    new IllegalStateException(
                        "topic %s does not exist in the other cluster".formatted(name)));
    if (there.partitions() < before.partitions()) {
      throw new IllegalStateException(
          "topic %s has %d partitions in the other cluster, and the relay uses %d"
              .formatted(name, there.partitions(), before.partitions()));
    }
    return new TopicLayout(before.partitions(), there.id());
  }

  /**
   * Notes it all in the other cluster, in one transaction.
   *
   * @throws IllegalStateException if a relay of this name has run there
   */
  private void write(int lane, LaneNotes notes, String what) throws InterruptedException {
    Map<String, @Nullable String> changes = new HashMap<>(notes.all());
    changes.putAll(changes(notes, what));
    String databaseId = operator.feed().databaseId();
    PositionTopic positions =
        new PositionTopic(spec.positionTopicName(databaseId), spec.lanes(), spec.topic());
    try (Topics topics = topics()) {
      positions.require(topics, 0, written -> {});
      try (LaneWriter writer =
          new TransactionalWriter(
              target,
              spec.transactionalId(databaseId, lane),
              positions,
              topics,
              lane,
              new TransactionSize(target.transactionTimeout(), spec.leaseTtl()))) {
        writer.takeOver();
        // It may have begun to run there since all lanes were looked at.
        requireNoOther(notes, writer.read());
        writer.commit(changes, () -> {});
        writer.finish();
      }
    }
  }

  /** Those of a move that was not finished are the same. */
  private void requireNoOther(LaneNotes notes, LaneNotes there) {
    if (there.position().isPresent() && !there.position().equals(notes.position())) {
      throw new IllegalStateException(
          "relay %s has run in the other cluster: it stands at position %s there, and at %s here"
              .formatted(
                  spec.name(),
                  there.position().get().position(),
                  notes.position().map(LanePosition::position).orElse(null)));
    }
  }

  private Topics topics() {
    return new Topics(target, new StopSignal(target.scheduler()));
  }
}
