package dev.pgeventstore.kafka;

import dev.pgeventstore.feed.EventFeed;
import dev.pgeventstore.kafka.LanePosition.Anchor;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Checks that the store still has the history that was published. */
record History(EventFeed feed, String topic) {

  private static final Logger LOG = LoggerFactory.getLogger(History.class);

  /**
   * Checks the event at a position. Only its id is asked for: the event itself may have been
   * truncated or purged since it was published, which does not make the history another one.
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
    UUID found =
        feed.idAt(published.position())
            .orElseThrow(() -> diverged(published, "the store has no such event"));
    if (!found.equals(published.id())) {
      throw diverged(published, "there the store has event " + found);
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
