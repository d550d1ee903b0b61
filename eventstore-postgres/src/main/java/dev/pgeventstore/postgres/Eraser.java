package dev.pgeventstore.postgres;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.TombstonedException;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.ErasingFunctions;
import dev.pgeventstore.postgres.internal.tables.ErasingFunctions.Answer;
import dev.pgeventstore.postgres.internal.tables.ErasingFunctions.Batch;
import dev.pgeventstore.postgres.internal.tables.ErasingFunctions.Outcome;
import dev.pgeventstore.postgres.internal.tables.PooledConnections;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.StorableText;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.Objects;
import java.util.function.LongConsumer;
import javax.sql.DataSource;

/**
 * Removes events: it hides the beginning of a stream, ends a stream permanently, blanks one event,
 * and deletes what is hidden. Safe for many threads.
 *
 * <p>It has a data source of its own, whose role is granted {@code <schema>_eraser} of {@code
 * db/roles.sql}: such a role can do this and nothing else, and no writer can do it. The role and
 * reason of each call are recorded in the table {@code erasures}.
 *
 * <p>Each call is a transaction of its own, and may be repeated: what is already done is reported
 * as done. After a lost response, call again.
 *
 * <p>What was read before is not affected: read models, topics, backups, the server's write-ahead
 * log, and its files until they are vacuumed. Snapshots of the stream are deleted.
 */
// Most of this file is documentation.
public final class Eraser {

  /** The most bytes that the reason of an erasure may take in UTF-8. */
  public static final int MAX_REASON_BYTES = 2_000;

  /**
   * As many as are deleted in some milliseconds, during which the high-water mark does not advance.
   */
  private static final int BATCH = 200;

  private static final int TRIES = 5;

  private final Connections connections;
  private final ErasingFunctions functions;

  private Eraser(Connections connections, ErasingFunctions functions) {
    this.connections = connections;
    this.functions = functions;
  }

  /**
   * An eraser of a store.
   *
   * @param dataSource of the eraser's role; it stays the caller's, and is not used yet
   * @param schema the schema of the store
   * @return the eraser
   * @throws IllegalArgumentException if the schema's name is not allowed
   */
  public static Eraser of(DataSource dataSource, String schema) {
    Objects.requireNonNull(dataSource, "data source");
    return new Eraser(new PooledConnections(dataSource), new ErasingFunctions(new Schema(schema)));
  }

  /**
   * Hides the events of a stream that are before a version: from every read of the stream and of
   * the global order that begins afterwards, so that subscriptions and relays which have not read
   * them skip them. What was read before may still be handed out: pages are kept for up to 5 s, and
   * records may wait in a relay's queue. The stream's version and later events stay as they are.
   *
   * <p>This only moves forward. The last event cannot be hidden, since readers know the version of
   * the stream by it.
   *
   * @param stream which stream
   * @param version the first event to keep, 1 up to the version of the stream
   * @return where the stream begins now
   * @throws IllegalArgumentException if the version is below 1
   * @throws NotInStoreException if the stream is unknown, or is not at this version yet
   * @throws TombstonedException if the stream is gone altogether
   * @throws EventStoreException if the database cannot be reached or refuses
   */
  public Truncation truncateBefore(StreamId stream, long version) {
    requireVersion(version);
    Answer answer =
        call(
            "stream %s cannot be truncated".formatted(stream),
            c -> functions.truncateBefore(c, stream.toString(), version));
    requireStream(stream, answer.outcome());
    if (answer.outcome() == Outcome.NO_SUCH_VERSION) {
      throw new NotInStoreException(
          stream,
          "stream %s is at version %d: it cannot be truncated before version %d, because its last event stays"
              .formatted(stream, answer.version(), version));
    }
    if (answer.outcome() == Outcome.TOMBSTONED) {
      throw new TombstonedException(stream);
    }
    return new Truncated(stream, answer.version(), answer.outcome() == Outcome.DONE);
  }

  /**
   * Ends a stream for good: all its events are hidden as by {@link #truncateBefore}, and every
   * further append to it or check of it is refused with {@link TombstonedException}, whatever it
   * expects. An append that was acknowledged before is hidden with the rest. Its id is never free
   * again.
   *
   * @param stream which stream
   * @return the version at which it ended
   * @throws NotInStoreException if the stream is unknown
   * @throws EventStoreException if the database cannot be reached or refuses
   */
  public Tombstone tombstone(StreamId stream) {
    Answer answer =
        call(
            "stream %s cannot be tombstoned".formatted(stream),
            c -> functions.tombstone(c, stream.toString()));
    requireStream(stream, answer.outcome());
    return new Tombstoned(stream, answer.version(), answer.outcome() == Outcome.DONE);
  }

  /**
   * Blanks one event in place: its data, metadata and type. Its position, stream, version, id and
   * time stay, so nothing that readers rely on moves; they see {@link
   * dev.pgeventstore.RecordedEvent#isErased()}. Subscriptions that ask for types do not see it any
   * more.
   *
   * @param stream of the event
   * @param version of the event, 1 or more
   * @param reason why, kept with the name of the role, the time and the former type; not blank, at
   *     most {@value #MAX_REASON_BYTES} bytes
   * @return whether it was this call that did it
   * @throws IllegalArgumentException if the version is below 1, or the reason is not allowed
   * @throws NotInStoreException if the stream is unknown, or has no such event, perhaps because it
   *     was purged
   * @throws EventStoreException if the database cannot be reached or refuses
   */
  public Erasure erase(StreamId stream, long version, String reason) {
    requireVersion(version);
    requireReason(reason);
    Answer answer =
        call(
            "version %d of stream %s cannot be erased".formatted(version, stream),
            c -> functions.erase(c, stream.toString(), version, reason));
    requireStream(stream, answer.outcome());
    if (answer.outcome() == Outcome.NO_SUCH_VERSION) {
      throw new NotInStoreException(
          stream,
          "stream %s has no event of version %d, or it was purged: nothing was erased"
              .formatted(stream, version));
    }
    return new Erased(stream, version, answer.outcome() == Outcome.DONE);
  }

  /**
   * Deletes what is hidden of a stream.
   *
   * @param stream which stream
   * @return how much it was
   * @see #purge(StreamId, LongConsumer)
   */
  public Purge purge(StreamId stream) {
    return purge(stream, soFar -> {});
  }

  /**
   * Deletes what is hidden of a stream, and keeps of each event its position and id, by which
   * relays recognise the history. For readers nothing changes.
   *
   * <p>It is done in small batches, the oldest events first, each in a transaction of its own: a
   * delete holds the high-water mark back like an append does. An interrupt ends it after a batch,
   * and is kept. After a failure, call again at any time.
   *
   * <p>The stream forgets the ids of purged events: a retry of the append that brought them is no
   * longer recognised as a retry.
   *
   * @param stream which stream
   * @param progress receives after each batch how many events are deleted so far
   * @return how much it was
   * @throws NotInStoreException if the stream is unknown
   * @throws EventStoreException if the database cannot be reached or refuses
   */
  public Purge purge(StreamId stream, LongConsumer progress) {
    long events = 0;
    while (true) {
      Batch batch =
          call(
              "stream %s cannot be purged".formatted(stream),
              c -> functions.purge(c, stream.toString(), BATCH));
      requireStream(stream, batch.outcome());
      events += batch.events();
      if (batch.events() > 0) {
        progress.accept(events);
      }
      if (batch.nothingLeft() || Thread.currentThread().isInterrupted()) {
        return new Purged(stream, events, batch.nothingLeft());
      }
    }
  }

  private <T> T call(String failure, Connections.Work<T> work) {
    for (int attempt = 1; ; attempt++) {
      try {
        return connections.use(work);
      } catch (SQLException e) {
        if (!SqlErrors.isRolledBackByRace(e) || attempt == TRIES) {
          throw SqlErrors.of(failure, e);
        }
      }
    }
  }

  private static void requireVersion(long version) {
    if (version < 1) {
      throw new IllegalArgumentException(
          "the first event of a stream is version 1, not " + version);
    }
  }

  private static void requireReason(String reason) {
    if (reason.isBlank() || !StorableText.is(reason)) {
      throw new IllegalArgumentException(
          "the reason of an erasure is blank, or has a NUL or half a surrogate pair in it");
    }
    if (reason.getBytes(StandardCharsets.UTF_8).length > MAX_REASON_BYTES) {
      throw new IllegalArgumentException(
          "the reason of an erasure takes more than %d bytes in UTF-8".formatted(MAX_REASON_BYTES));
    }
  }

  private static void requireStream(StreamId stream, Outcome outcome) {
    if (outcome == Outcome.NO_SUCH_STREAM) {
      throw new NotInStoreException(
          stream, "there is no stream %s: nothing was changed".formatted(stream));
    }
  }

  /** The result of a truncation. */
  public interface Truncation {

    /**
     * The stream.
     *
     * @return its id
     */
    StreamId stream();

    /**
     * The first event that readers see.
     *
     * @return its version
     */
    long firstVersion();

    /**
     * Whether it was this call that did it.
     *
     * @return false if the stream began there, or later, already
     */
    boolean changed();
  }

  /** The result of a tombstone. */
  public interface Tombstone {

    /**
     * The stream.
     *
     * @return its id
     */
    StreamId stream();

    /**
     * The version at which it ended.
     *
     * @return that of its last event
     */
    long version();

    /**
     * Whether it was this call that did it.
     *
     * @return false if it was tombstoned already
     */
    boolean changed();
  }

  /** The result of an erasure. */
  public interface Erasure {

    /**
     * The stream of the event.
     *
     * @return its id
     */
    StreamId stream();

    /**
     * The version of the event.
     *
     * @return as given
     */
    long version();

    /**
     * Whether it was this call that did it.
     *
     * @return false if it was erased already
     */
    boolean changed();
  }

  /** The result of a purge. */
  public interface Purge {

    /**
     * The stream.
     *
     * @return its id
     */
    StreamId stream();

    /**
     * How many events were deleted.
     *
     * @return 0 or more
     */
    long events();

    /**
     * Whether nothing is left to delete.
     *
     * @return false if it was interrupted and something is left
     */
    boolean complete();
  }

  record Truncated(StreamId stream, long firstVersion, boolean changed) implements Truncation {}

  record Tombstoned(StreamId stream, long version, boolean changed) implements Tombstone {}

  record Erased(StreamId stream, long version, boolean changed) implements Erasure {}

  record Purged(StreamId stream, long events, boolean complete) implements Purge {}
}
