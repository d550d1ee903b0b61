package dev.pgeventstore.postgres.internal.importing;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.postgres.internal.tables.AnswerLostException;
import dev.pgeventstore.postgres.internal.tables.CommitListener;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.postgres.internal.tables.ImportsTable;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.ServerFunctions;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.StreamsTable;
import dev.pgeventstore.postgres.internal.tables.StreamsTable.TombstonedException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/** Writes batches, each in one transaction, until the store is closed. Safe for many threads. */
public final class BatchWriter implements AutoCloseable {

  /**
   * Deadlocks come from callers' own transactions; if this one is chosen as the victim, it is
   * retried.
   */
  private static final int TRIES = 5;

  private static final long PATIENCE_SECONDS = 10;

  /** Between two statements of a transaction. All readers wait for it. */
  private static final Duration LONGEST_SILENCE = Duration.ofMinutes(1);

  private final Connections connections;
  private final StreamsTable streams;
  private final EventsTable events;
  private final ImportsTable imports;
  private final CommitListener listener;

  /**
   * The read lock is held while a batch is written, so that closing happens between two batches.
   */
  private final ReentrantReadWriteLock open = new ReentrantReadWriteLock();

  private volatile boolean closed;

  public BatchWriter(
      Connections connections, Schema schema, EventsTable events, Runnable committed) {
    this.connections = connections;
    this.streams = new StreamsTable(schema);
    this.events = events;
    this.imports = new ImportsTable(schema);
    this.listener = new CommitListener(committed);
  }

  /** Finds the progress of a named import. */
  ImportsTable.Row begin(String name) throws SQLException {
    return connections.use(c -> imports.loadOrCreate(c, name));
  }

  /** Marks a named import as finished. */
  void finish(String name, long items) throws SQLException {
    if (!connections.use(c -> imports.finish(c, name, items))) {
      throw movedByAnother(name, items);
    }
  }

  /**
   * Writes a batch.
   *
   * @param name the name of the import; null if it has none
   * @param from the number of items that were imported before
   * @param fingerprint the fingerprint of all items up to the last one of the batch
   * @return the position of the last event
   */
  long write(ImportBatch batch, @Nullable String name, long from, long fingerprint)
      throws SQLException {
    requireOpen();
    long position = writeUnlessRacing(batch, name, from, fingerprint);
    listener.committed();
    return position;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the event store is closed");
    }
  }

  private long writeUnlessRacing(
      ImportBatch batch, @Nullable String name, long from, long fingerprint) throws SQLException {
    for (int attempt = 1; ; attempt++) {
      try {
        return writeOnce(batch, name, from, fingerprint);
      } catch (SQLException e) {
        if (!SqlErrors.isRolledBackByRace(e) || attempt == TRIES) {
          throw e;
        }
      }
    }
  }

  private long writeOnce(ImportBatch batch, @Nullable String name, long from, long fingerprint)
      throws SQLException {
    boolean[] sent = new boolean[1];
    try {
      return connections.inTransaction(
          connection -> {
            // Not before: closing does not wait for a pool that gives no connection.
            open.readLock().lock();
            requireOpen();
            sent[0] = true;
            return write(connection, batch, name, from, fingerprint);
          });
    } catch (EventStoreException | TombstonedException e) {
      throw e; // This was found before the commit.
    } catch (Throwable e) {
      if (sent[0]) {
        throw AnswerLostException.unlessReported(e);
      }
      if (open.getReadHoldCount() > 0) {
        throw e;
      }
      throw new EventStoreException("no connection to the database: " + e.getMessage(), e);
    } finally {
      // After the commit.
      if (open.getReadHoldCount() > 0) {
        open.readLock().unlock();
      }
    }
  }

  /**
   * Takes locks in a fixed order: while this waits for another run of the same import or for a
   * stream, it must not hold the lock on events, because all readers would wait, too
   * (docs/adr/0001).
   */
  private long write(
      Connection connection, ImportBatch batch, @Nullable String name, long from, long fingerprint)
      throws SQLException {
    ServerFunctions.endIfSilent(connection, LONGEST_SILENCE);
    String lastStream = batch.lastStream();
    if (name != null) {
      ImportsTable.Row to = new ImportsTable.Row(from + batch.items(), fingerprint, lastStream, 0);
      if (!imports.advance(connection, name, from, to)) {
        throw movedByAnother(name, from);
      }
    }
    batch.giveVersions(streams.advance(connection, batch.streamIds(), batch.eventsByStream()));
    long copied = events.copy(connection, batch.rows(), batch.length());
    if (copied != batch.items()) {
      throw new EventStoreException("%d of %d events were copied".formatted(copied, batch.items()));
    }
    long position = events.positionOf(connection, lastStream, batch.lastVersion());
    if (name != null) {
      imports.setPosition(connection, name, position);
    }
    return position;
  }

  private static EventStoreException movedByAnother(String name, long from) {
    return new EventStoreException(
        "import %s is no longer at %d items: another process is running it".formatted(name, from));
  }

  /** Waits some time for the batches that are being written. No other batch is begun. */
  @Override
  public void close() {
    closed = true;
    try {
      if (open.writeLock().tryLock(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        open.writeLock().unlock();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
