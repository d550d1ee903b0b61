package dev.pgeventstore.examples.loans;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventIdReusedException;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.examples.logs.ImportException;
import dev.pgeventstore.examples.logs.XesReader;
import dev.pgeventstore.examples.logs.XesTrace;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Appends the traces of a log to a store, each as a stream.
 *
 * <p>An import can be run again after it has completed, and after it was interrupted at any point.
 * It asks the store first which events are stored, skips those, and continues a stream that has
 * become longer in the file. An application is appended as a whole or not at all.
 */
final class LoanImport {

  private static final int APPENDERS = 4;
  private static final int WAITING_APPLICATIONS = 64;

  private final EventStore store;
  private final ImportProgress progress;
  private final Map<String, Integer> numbersByName = new HashMap<>();
  private Map<StreamId, UUID> lastIds = Map.of();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  /** For one run. */
  LoanImport(EventStore store, ImportProgress progress) {
    this.store = store;
    this.progress = progress;
  }

  /**
   * Reads the file in the calling thread, and appends in other threads, each application in one of
   * them. Returns when everything is appended, or when an error has stopped all threads.
   *
   * @throws ImportException if the file is damaged, or differs from what the store has
   * @throws dev.pgeventstore.EventStoreException if the store cannot be reached
   */
  void run(Path file) throws InterruptedException {
    lastIds = lastIds();
    // When the queue is full, the reading thread appends, too, so the queue cannot exhaust the
    // memory.
    ThreadPoolExecutor appenders =
        new ThreadPoolExecutor(
            APPENDERS,
            APPENDERS,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(WAITING_APPLICATIONS),
            new ThreadPoolExecutor.CallerRunsPolicy());
    try (XesReader reader = XesReader.open(file)) {
      while (failure.get() == null && reader.hasNext()) {
        XesTrace trace = reader.next();
        LoanApplication application = LoanApplication.of(trace);
        requireNewName(trace);
        if (application.lastId().equals(lastIds.get(application.stream()))) {
          progress.add(0, application.events().size());
        } else {
          appenders.execute(() -> appendUnlessFailed(application));
        }
      }
    } finally {
      // The traces that were read before a damaged place are still appended.
      appenders.shutdown();
      appenders.awaitTermination(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
    }
    throwFailure();
  }

  /**
   * The id of the last event of each application in the store. One pass over the store is faster
   * than many queries.
   */
  private Map<StreamId, UUID> lastIds() {
    Map<StreamId, UUID> found = new HashMap<>();
    store
        .readLazily(EventQuery.all().categories(LoanApplication.CATEGORY), Position.START)
        .forEach(event -> found.put(event.stream(), event.id()));
    return found;
  }

  private void requireNewName(XesTrace trace) {
    Integer earlier = numbersByName.putIfAbsent(trace.name(), trace.number());
    if (earlier != null) {
      throw new ImportException("%s has the name of trace %d".formatted(trace.place(), earlier));
    }
  }

  private void appendUnlessFailed(LoanApplication application) {
    if (failure.get() == null) {
      try {
        append(application);
      } catch (RuntimeException | Error e) {
        failure.compareAndSet(null, e);
      }
    }
  }

  private void throwFailure() {
    Throwable first = failure.get();
    if (first instanceof Error error) {
      throw error;
    }
    if (first != null) {
      throw (RuntimeException) first;
    }
  }

  private void append(LoanApplication application) {
    int events = application.events().size();
    try {
      AppendResult result =
          store.append(application.stream(), ExpectedVersion.noStream(), application.events());
      progress.add(result.replayed() ? 0 : events, result.replayed() ? events : 0);
    } catch (ConflictException | EventIdReusedException e) {
      continueStream(application);
    }
  }

  /**
   * Appends the missing events to a stream that has only some of them, and fails if it has others.
   */
  private void continueStream(LoanApplication application) {
    List<RecordedEvent> stored = store.read(application.stream());
    List<NewEvent> missing = application.notIn(stored);
    if (!missing.isEmpty()) {
      ExpectedVersion expected = ExpectedVersion.exactly(stored.size());
      store.append(application.stream(), expected, missing);
    }
    progress.add(missing.size(), application.events().size() - missing.size());
  }
}
