package dev.pgeventstore.postgres;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.Position;
import dev.pgeventstore.postgres.internal.encoding.EventEncoding;
import dev.pgeventstore.postgres.internal.importing.BatchWriter;
import dev.pgeventstore.postgres.internal.importing.ImportRun;
import dev.pgeventstore.postgres.internal.tables.StorableText;
import java.time.Duration;
import java.util.Iterator;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Describes an import of many events, and runs it. Immutable: each method returns a changed copy.
 *
 * <p>An import writes in batches, each in one transaction and by one binary {@code COPY}. Events
 * are appended to new and existing streams in the order of the source; versions are correct
 * whatever else is appended meanwhile. No version is expected, so nothing can conflict. Events get
 * positions as with appends, and readers see them batch by batch. Ids are not looked up: an event
 * that is stored already is stored again, unless the import has a name.
 *
 * <p><b>With a name</b> an import counts, in the transaction of each batch, how many items of its
 * source are imported. If it is run again with the same source, after a failure, a kill at any
 * moment or its end, it skips these and continues after them: every item is imported exactly once.
 * The source must give the same items in the same order; it may have more at its end. That is
 * checked by the items' streams, and by their ids where they are given ({@link
 * dev.pgeventstore.NewEvent#withId}). If two processes run one import at once, each item is
 * imported by one of them, and at most one continues: the other fails.
 *
 * <p><b>Without a name</b> nothing is remembered. After a failure the database has the first
 * batches, each in full, and nothing of the others; the exception says how many items that is.
 *
 * <p>While a batch is written, by a thread of the import's own, the next is being encoded in the
 * calling thread. Items of two batches are held in memory. Transactions are open only while a batch
 * is written, never while items are taken from the source; while one is open, its streams are
 * locked and the high-water mark does not advance.
 */
public final class Importer {

  private static final int MAX_BATCH = 100_000;
  private static final int MAX_NAME = 200;

  private final BatchWriter writer;
  private final EventEncoding encoding;
  private final @Nullable String name;
  private final int batchSize;
  private final Consumer<ImportProgress> onProgress;

  private Importer(
      BatchWriter writer,
      EventEncoding encoding,
      @Nullable String name,
      int batchSize,
      Consumer<ImportProgress> onProgress) {
    this.writer = writer;
    this.encoding = encoding;
    this.name = name;
    this.batchSize = batchSize;
    this.onProgress = onProgress;
  }

  static Importer of(BatchWriter writer, EventEncoding encoding) {
    return new Importer(writer, encoding, null, 10_000, progress -> {});
  }

  /**
   * The same import under a name, by which it can continue where it was stopped.
   *
   * @param newName 1 to 200 characters, unique in the store
   * @return a copy that has it
   * @throws IllegalArgumentException if it is blank, too long, or has a NUL character or half a
   *     surrogate pair
   */
  public Importer named(String newName) {
    if (newName.isBlank() || newName.length() > MAX_NAME || !StorableText.is(newName)) {
      throw new IllegalArgumentException(
          "the name of an import has 1 to %d characters, no NUL and no half of a surrogate pair, and is not blank"
              .formatted(MAX_NAME));
    }
    return new Importer(writer, encoding, newName, batchSize, onProgress);
  }

  /**
   * How many items make a batch. The default is 10,000. A batch ends earlier when its rows take 16
   * MiB. Larger ones are not much faster, and hold back the mark for longer.
   *
   * @param items 1 to 100,000
   * @return a copy that has it
   * @throws IllegalArgumentException if it is out of range
   */
  public Importer batch(int items) {
    if (items < 1 || items > MAX_BATCH) {
      throw new IllegalArgumentException(
          "a batch has 1 to %d items, not %d".formatted(MAX_BATCH, items));
    }
    return new Importer(writer, encoding, name, items, onProgress);
  }

  /**
   * The listener that is called after the commit of each batch, before the next one is written.
   * Default: none.
   *
   * @param listener called in the thread that runs the import; if it throws, the import ends there
   * @return a copy that has it
   */
  public Importer onProgress(Consumer<ImportProgress> listener) {
    return new Importer(
        writer, encoding, name, batchSize, Objects.requireNonNull(listener, "listener"));
  }

  /**
   * Imports everything a source has.
   *
   * @param source read in the calling thread, one item at a time
   * @return the progress at the end of the source
   * @throws IllegalArgumentException if an item cannot be stored, for the same reasons as an append
   *     refuses it: the message says which and why. Nothing of its batch was written
   * @throws OutcomeUnknownException if the connection was lost: the last batch may be committed or
   *     not
   * @throws EventStoreException if anything else went wrong, a stream is tombstoned, the name
   *     belongs to another source, or another process is running the import; the batch was not
   *     written
   * @throws IllegalStateException if the store was closed, which happens between two batches
   * @throws InterruptedException if the thread was interrupted; a batch that was being written then
   *     is written
   */
  public ImportProgress run(Iterator<ImportedEvent> source) throws InterruptedException {
    long started = System.nanoTime();
    try (ImportRun run =
        new ImportRun(
            writer,
            encoding,
            name,
            batchSize,
            committed -> onProgress.accept(progress(committed, started)))) {
      while (source.hasNext()) {
        ImportedEvent item = source.next();
        run.take(item.stream(), item.event());
      }
      run.finish();
      return progress(run, started);
    }
  }

  /**
   * Imports everything a source has: see {@link #run(Iterator)}.
   *
   * @param source iterated once
   * @return the progress at the end of the source
   * @throws InterruptedException if the thread was interrupted
   */
  public ImportProgress run(Iterable<ImportedEvent> source) throws InterruptedException {
    return run(source.iterator());
  }

  /**
   * Imports everything a source has: see {@link #run(Iterator)}.
   *
   * @param source consumed, and left to the caller to close
   * @return the progress at the end of the source
   * @throws InterruptedException if the thread was interrupted
   */
  public ImportProgress run(Stream<ImportedEvent> source) throws InterruptedException {
    return run(source.iterator());
  }

  private static ImportProgress progress(ImportRun run, long started) {
    return new Progress(
        run.items(),
        run.itemsOfThisRun(),
        Position.of(run.lastPosition()),
        Duration.ofNanos(System.nanoTime() - started));
  }

  private record Progress(long items, long itemsOfThisRun, Position lastPosition, Duration elapsed)
      implements ImportProgress {}
}
