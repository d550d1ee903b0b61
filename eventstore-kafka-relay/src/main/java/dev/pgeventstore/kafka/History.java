package dev.pgeventstore.kafka;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.kafka.LanePosition.Anchor;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Checks that the store still has the history that was published. */
record History(EventStore store, String topic) {

  private static final Logger LOG = LoggerFactory.getLogger(History.class);

  /**
   * Checks the event at a position. It is looked up by its stream, because right after a start the
   * global order may not be known to be settled that far.
   *
   * @throws RelayHaltedException if it is gone or another one
   */
  void verify(LanePosition position, String databaseId) {
    position.anchor().ifPresent(this::verify);
    if (!position.database().equals(databaseId)) {
      LOG.warn(
          "The position was written from database {}, this is {}. The event at position {} is the same: going on",
          position.database(),
          databaseId,
          position.position());
    }
  }

  private void verify(Anchor published) {
    List<RecordedEvent> found =
        store.read(published.stream(), StreamRange.forwardsFrom(published.version()).limit(1));
    if (found.isEmpty()) {
      throw diverged(published, "the store has no such event");
    }
    RecordedEvent event = found.get(0);
    if (!event.id().equals(published.id()) || !event.position().equals(published.position())) {
      throw diverged(
          published,
          "there the store has event %s at position %s".formatted(event.id(), event.position()));
    }
  }

  private RelayHaltedException diverged(Anchor published, String instead) {
    return new RelayHaltedException(
        "the store's history is not the one that was published to topic %s: up to position %s it is in Kafka, with event %s as version %d of stream %s, but %s. The database has lost commits, was restored to an older state, or is another one. Find the last event that both have; to go on after it, give the relay another name and startAfter(…)"
            .formatted(
                topic,
                published.position(),
                published.id(),
                published.version(),
                published.stream(),
                instead));
  }
}
