package dev.pgeventstore.spi;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Blocker;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The settled global order of a store, as a stream that never ends. Safe for many threads. */
public interface EventFeed {

  /**
   * Why no relay can publish from this feed.
   *
   * @return what to do instead; empty if relays can: the feed has leases, notes and messages
   */
  default Optional<String> whyNoRelay() {
    return Optional.empty();
  }

  /**
   * Starts to follow the order.
   *
   * @param query which events
   * @param after where to start, exclusive
   * @param durability what must be true of a page before it is given out
   * @return a reader for one thread; close it
   */
  FeedReader open(EventQuery query, Position after, Durability durability);

  /**
   * The high-water mark, observed by this call. It is durable: no crash of the server takes back
   * what lies below it, or has one of those positions drawn again.
   *
   * @return the mark
   */
  Position highWaterMark();

  /**
   * The settled event at a position.
   *
   * @param position any
   * @return the event; empty if there is no event there, it is not settled, or it was truncated or
   *     its stream tombstoned
   */
  Optional<RecordedEvent> eventAt(Position position);

  /**
   * The last event at or below a position, whatever has become of it since, but for purged ones. By
   * it, and what was read up to there, a history is recognised.
   *
   * @param upTo at or below the high-water mark, or a later one may still appear
   * @return the event, of which only the place and the id are to be used; empty if there is none
   */
  Optional<RecordedEvent> lastUpTo(Position upTo);

  /**
   * The ids of the events that were appended at some positions, whatever has become of them since:
   * also of those that were truncated, erased or purged. By them a history is recognised.
   *
   * @param positions any, settled or not; some thousands at most
   * @return the ids, without positions at which no event was committed, or not yet
   */
  Map<Position, UUID> idsAt(Collection<Position> positions);

  /**
   * The same for one position.
   *
   * @param position any, settled or not
   * @return the id; empty if no event was committed there, or not yet
   */
  default Optional<UUID> idAt(Position position) {
    return Optional.ofNullable(idsAt(List.of(position)).get(position));
  }

  /**
   * Identifies this store among all others: PostgreSQL's system identifier, the number of the
   * database in that cluster, and the name of the schema.
   *
   * @return the same for the life of a database, also after a restart; another one in a copy made
   *     by dump and restore
   */
  String databaseId();

  /**
   * The incarnation of the server. It changes with a crash, a restart or a fail-over, after which
   * commits that were visible may be lost, and their positions assigned again. What was read
   * between two calls with the same result is of one history.
   *
   * @return identifies this incarnation among all others; observed by this call
   */
  String incarnation();

  /**
   * The position of an append now, whatever has happened to its events since: also if they were
   * truncated, erased or purged. It is recognised by the ids of its events.
   *
   * @param append as it was acknowledged
   * @return the position of its last event; empty if the server has lost it
   */
  Optional<Position> find(AppendResult append);

  /**
   * Tries to take a lease: the right, kept in the database and limited in time by its clock, to do
   * something exclusively. It is for liveness; what must not happen twice needs a fence of its own.
   *
   * @param name of the reader that the lease is for
   * @param partition of that reader, 0 if it has one only
   * @param owner the process that takes it; unique among processes
   * @param ttl how long it lasts unless renewed
   * @return the lease; empty while another owner has it
   */
  Optional<Lease> tryLease(String name, int partition, String owner, Duration ttl);

  /**
   * Takes a lease from its current owner. For operators that must change the state of a reader:
   * that reader notices when it next renews its lease, and until then believes that it still has
   * it.
   *
   * @param name of the reader that the lease is for
   * @param partition of that reader, 0 if it has one only
   * @param owner the process that takes it; unique among processes
   * @param ttl how long it lasts unless renewed
   * @return the lease
   */
  Lease seizeLease(String name, int partition, String owner, Duration ttl);

  /**
   * What owners of a lease have noted, whichever process has it now.
   *
   * @param name of the reader that the lease is for
   * @param partition of that reader, 0 if it has one only
   * @return by name; empty if nothing was
   */
  Map<String, String> notes(String name, int partition);

  /**
   * Messages that wait for a relay, in the global order. All messages of a key are in one lane: its
   * CRC-32C modulo the number of lanes, as for the name of a stream; without a key, that of the
   * topic's name.
   *
   * <p>They are as durable, and of the same history, as what {@code upTo} was taken from.
   *
   * @param relay the name they were written for
   * @param lane 0 to {@code lanes - 1}
   * @param lanes 1 or more
   * @param after exclusive
   * @param upTo inclusive; at or below the high-water mark, or some may be missing
   * @param limit the most messages to return; fewer may come if they are large, but one at least
   *     while there is any
   * @return the first of them; about 1 MiB, and one message more, at the most
   */
  List<RecordedMessage> messages(
      String relay, int lane, int lanes, Position after, Position upTo, int limit);

  /**
   * Deletes messages that were published.
   *
   * @param relay the name they were written for
   * @param lane 0 to {@code lanes - 1}
   * @param lanes 1 or more
   * @param upTo inclusive
   */
  void deleteMessages(String relay, int lane, int lanes, Position upTo);

  /**
   * The last position that was drawn, whether or not what it was for was committed. No event and no
   * message of this history has a higher one. It is not durable: a crash may set it back.
   *
   * @return of this moment
   */
  Position lastDrawn();

  /**
   * The transactions that hold the high-water mark back: those that have appended and are still
   * open.
   *
   * @param age for how long, at the least
   * @return the oldest first; empty if there is none, or if they cannot be determined
   */
  List<Blocker> blockers(Duration age);

  /** What must be true of events before a reader returns them. */
  enum Durability {
    /** They are committed and visible, as for any query. */
    VISIBLE,
    /**
     * They are also flushed to the disk of the server, so that no crash of it can take them back.
     * It matters for what leaves the database: a session may commit asynchronously, and then its
     * events are visible for a moment before they are durable.
     */
    FLUSHED
  }
}
