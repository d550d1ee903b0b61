package dev.pgeventstore.postgres.internal.importing;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.encoding.EventEncoding;
import dev.pgeventstore.postgres.internal.tables.ImportsTable;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.StreamsTable.TombstonedException;
import java.sql.SQLException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Takes items one by one. While a separate thread writes one batch, the calling thread encodes the
 * next. So no transaction is open while the run waits for the source.
 */
public final class ImportRun implements AutoCloseable {

  private final BatchWriter writer;
  private final EventEncoding encoding;
  private final @Nullable String name;
  private final Listener listener;
  private final Fingerprint fingerprint = new Fingerprint();
  private final ImportsTable.Row before;
  private final ExecutorService writing =
      Executors.newSingleThreadExecutor(
          work -> {
            Thread thread = new Thread(work, "eventstore-import");
            thread.setDaemon(true);
            return thread;
          });

  private ImportBatch filling;
  private ImportBatch spare;
  private @Nullable InFlight inFlight;

  /** The number of items from the source. */
  private long taken;

  /** The number of items that are known to be committed. */
  private long committed;

  private long lastPosition;

  /** Finds the progress of the import, if it has a name. */
  public ImportRun(
      BatchWriter writer,
      EventEncoding encoding,
      @Nullable String name,
      int batchSize,
      Listener listener) {
    this.writer = writer;
    this.encoding = encoding;
    this.name = name;
    this.listener = listener;
    this.filling = new ImportBatch(batchSize);
    this.spare = new ImportBatch(batchSize);
    this.before = begin();
    this.committed = before.items();
    this.lastPosition = before.lastPosition();
  }

  private ImportsTable.Row begin() {
    if (name == null) {
      return new ImportsTable.Row(0, 0, null, 0);
    }
    try {
      return writer.begin(name);
    } catch (SQLException e) {
      throw SqlErrors.of(this + " cannot begin", e);
    }
  }

  /**
   * Takes the next item of the source.
   *
   * @throws InterruptedException if the thread was interrupted; the batch in progress is still
   *     written
   */
  public void take(StreamId stream, NewEvent event) throws InterruptedException {
    taken++;
    fingerprint.add(stream, event);
    if (taken <= before.items()) {
      if (taken == before.items() && fingerprint.value() != before.fingerprint()) {
        throw anotherSource(
            "its item %d is for stream %s; imported was one for %s, or others before it"
                .formatted(taken, stream, before.lastStream()));
      }
      return;
    }
    EventEncoding.Encoded encoded;
    try {
      encoded = encoding.encode(event, stream);
    } catch (IllegalArgumentException e) {
      settle();
      throw new IllegalArgumentException(
          "%s: item %d, for stream %s, cannot be stored: %s; %s"
              .formatted(this, taken, stream, e.getMessage(), whatIsThere()),
          e);
    }
    filling.add(stream, encoded);
    if (filling.isFull()) {
      write();
    }
  }

  /** Writes the remaining items, when the source has no more. */
  public void finish() throws InterruptedException {
    if (taken < before.items()) {
      throw anotherSource("it has %d items, but %d were imported".formatted(taken, before.items()));
    }
    if (filling.items() > 0) {
      write();
    }
    settle();
    if (name != null) {
      try {
        writer.finish(name, committed);
      } catch (SQLException e) {
        throw SqlErrors.of("%s cannot be marked as finished; %s".formatted(this, whatIsThere()), e);
      }
    }
  }

  private EventStoreException anotherSource(String why) {
    return new EventStoreException(
        "%s was begun with another source, nothing was written: %s".formatted(this, why));
  }

  private void write() throws InterruptedException {
    // Sealed before waiting, so that the server gets this batch as soon as it is done with the
    // previous one.
    filling.seal();
    settle();
    if (Thread.interrupted()) {
      throw new InterruptedException("%s was interrupted; %s".formatted(this, whatIsThere()));
    }
    ImportBatch full = filling;
    long from = committed;
    long print = fingerprint.value();
    inFlight =
        new InFlight(full.items(), writing.submit(() -> writer.write(full, name, from, print)));
    filling = spare;
    filling.clear();
    spare = full;
  }

  /** Waits for the batch that is being written, even if the thread is interrupted. */
  private void settle() throws InterruptedException {
    InFlight written = inFlight;
    inFlight = null;
    if (written == null) {
      return;
    }
    boolean interrupted = false;
    try {
      while (true) {
        try {
          lastPosition = written.position.get();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      committed += written.items;
      if (!interrupted) {
        listener.committed(this);
      }
    } catch (ExecutionException e) {
      throw failure(written, e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    if (Thread.interrupted()) {
      throw new InterruptedException("%s was interrupted; %s".formatted(this, whatIsThere()));
    }
  }

  private RuntimeException failure(InFlight batch, @Nullable Throwable cause) {
    String items = "items %d to %d".formatted(committed + 1, committed + batch.items);
    if (cause instanceof SQLException e) {
      if (SqlErrors.isConnectionLost(e)) {
        return new OutcomeUnknownException(
            "%s: the connection was lost, and %s may have been committed or not; %s. %s"
                .formatted(
                    this,
                    items,
                    whatIsThere(),
                    name == null
                        ? "Check which items of the last streams are there before you continue."
                        : "Run it again: it continues where it stopped."),
            e);
      }
      return SqlErrors.of(
          "%s: %s were refused by the server; %s".formatted(this, items, whatIsThere()), e);
    }
    String message = cause == null ? "" : cause.getMessage();
    if (cause instanceof IllegalStateException) {
      return new IllegalStateException("%s: %s; %s".formatted(this, message, whatIsThere()), cause);
    }
    if (cause instanceof TombstonedException || cause instanceof EventStoreException) {
      return new EventStoreException(
          "%s: %s; %s were not written; %s".formatted(this, message, items, whatIsThere()), cause);
    }
    return new EventStoreException(
        "%s failed at %s; %s".formatted(this, items, whatIsThere()), cause);
  }

  private String whatIsThere() {
    return committed == 0
        ? "none of its items are imported"
        : "its first %d items are imported, up to position %d".formatted(committed, lastPosition);
  }

  /** The number of items that were imported, by this run and those before it. */
  public long items() {
    return committed;
  }

  /** The number of items that were imported by this run. */
  public long itemsOfThisRun() {
    return committed - before.items();
  }

  /** The position of the last event, 0 if there is none. */
  public long lastPosition() {
    return lastPosition;
  }

  /** Waits for the batch that is being written, and ignores its result. */
  @Override
  public void close() {
    writing.shutdown();
    InFlight written = inFlight;
    inFlight = null;
    if (written == null) {
      return;
    }
    boolean interrupted = false;
    while (true) {
      try {
        lastPosition = written.position.get();
        committed += written.items;
        break;
      } catch (ExecutionException e) {
        // The failure of a source has priority: the caller gets its exception.
        throw failure(written, e.getCause());
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public String toString() {
    return name == null ? "the import" : "import " + name;
  }

  /** Notified after each batch, in the importing thread. */
  @FunctionalInterface
  public interface Listener {
    /** A batch was committed. */
    void committed(ImportRun run);
  }

  private record InFlight(int items, Future<Long> position) {}
}
