package dev.pgeventstore.kafka;

import dev.pgeventstore.feed.EventFeed;
import dev.pgeventstore.kafka.LanePosition.Anchor;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks that the store still has the history that was published, and that the lane's notes know of
 * all that was.
 *
 * @param feed of the store
 * @param databaseId of the store's database
 * @param published what is in Kafka
 * @param notes of the lane, as they were read when all others were fenced
 * @param delivery what the relay promises
 */
record History(
    EventFeed feed,
    String databaseId,
    PublishedTail published,
    LaneNotes notes,
    Delivery delivery) {

  private static final Logger LOG = LoggerFactory.getLogger(History.class);

  /**
   * Checks the event that a position is anchored to. Only its id is asked for: the event itself may
   * have been truncated or purged since it was published, which does not make the history another
   * one.
   *
   * @throws RelayHaltedException if it is gone or another one
   */
  void verify(LanePosition position) throws InterruptedException {
    Optional<String> difference = position.anchor().flatMap(this::difference);
    if (difference.isEmpty() && position.position().isAfter(feed.lastDrawn())) {
      difference =
          Optional.of("the store has handed out no position beyond " + feed.lastDrawn() + " yet");
    }
    if (difference.isPresent()) {
      throw new RelayHaltedException(
          "the store's history is not the one that was published: up to position %s it is in Kafka, but %s. The database has lost commits, was restored to an older state, or is another one. %s"
              .formatted(position.position(), difference.get(), whatIsUnknown()));
    }
    compareTail(position);
    if (!position.database().equals(databaseId)) {
      LOG.warn(
          "The position was written from database {}, this is {}. The event at position {} is the same: going on",
          position.database(),
          databaseId,
          position.position());
    }
  }

  /** An aborted record contradicts nothing: where one might, only what is committed counts. */
  private void compareTail(LanePosition position) {
    TailFindings first = findings(published.sent());
    if (first.isEmpty() || findings(published.committed(first.partitions())).isEmpty()) {
      return;
    }
    TailFindings found = findings(published.committed());
    if (!found.unknown().isEmpty()) {
      throw new RelayHaltedException(
          "the store's history is not the one that was published: the relay stands at position %s, but %s"
              .formatted(position.position(), found.describeUnknown()));
    }
    if (!found.beyond().isEmpty()) {
      throw new RelayHaltedException(
          "relay %s stands at position %s of its series %d by its notes, but %s"
              .formatted(
                  published.relay(), position.position(), notes.series(), found.describeBeyond()));
    }
  }

  private TailFindings findings(List<OwnRecord> records) {
    return TailFindings.of(records, feed, notes, delivery == Delivery.EXACTLY_ONCE);
  }

  private String whatIsUnknown() {
    try {
      return findings(published.committed()).describeUnknown();
    } catch (KafkaException e) {
      return "What is in Kafka could not be read: " + e.getMessage();
    }
  }

  private Optional<String> difference(Anchor anchor) {
    Optional<UUID> found = feed.idAt(anchor.position());
    if (found.isPresent() && found.get().equals(anchor.id())) {
      return Optional.empty();
    }
    return Optional.of(
        "of event %s, version %d of stream %s at position %s, %s"
            .formatted(
                anchor.id(),
                anchor.version(),
                anchor.stream(),
                anchor.position(),
                found.isEmpty()
                    ? "the store has no such event"
                    : "the store has event " + found.get() + " there instead"));
  }
}
