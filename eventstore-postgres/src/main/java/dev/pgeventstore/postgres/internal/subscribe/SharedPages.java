package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.spi.EventFeed.Durability;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * The pages that were read last, for all readers of a store: who follows the same query a little
 * later finds them here, and who comes while one is being read waits for it. Safe for many threads.
 *
 * <p>Pages are kept for a short time only, since events may be erased, and so many as fit into some
 * megabytes. A reader that is slower reads again.
 *
 * <p>It is longer than other classes because one lock guards the pages that are kept and those that
 * are being read: a reader must find each page among one or the other.
 */
public final class SharedPages implements AutoCloseable {

  /** For the whole store. One page stays whatever it weighs. */
  static final long MOST_BYTES = 8 << 20;

  /**
   * The same while there is one reader: it reads on, and old pages would only be in the way of the
   * garbage collector.
   */
  static final long MOST_BYTES_FOR_ONE = 2 << 20;

  /** Each reader opens the pages of its query and those of all events. */
  private static final int OPEN_FOR_ONE = 2;

  static final long KEPT_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final Loading loading;
  private final Executor executor;
  private final Scheduler scheduler;

  /** Held for looking up and for putting away, never while a page is read. */
  private final Lock lock;

  private final Map<Key, Source> sources = new HashMap<>();
  private final Deque<Kept> oldestFirst = new ArrayDeque<>();
  private long bytes;
  private int open;
  private boolean closed;

  /** How many queries are followed near the mark by somebody. */
  private final Map<Durability, Integer> liveQueries = new EnumMap<>(Durability.class);

  SharedPages(Loading loading, Executor executor, Scheduler scheduler) {
    this.loading = loading;
    this.executor = executor;
    this.scheduler = scheduler;
    this.lock = scheduler.newLock();
  }

  /** The pages of a query, for one reader more. To be closed once for each. */
  Source open(EventQuery query, Durability durability) {
    lock.lock();
    try {
      Source source =
          sources.computeIfAbsent(
              new Key(query, durability),
              key -> new Source(key, loading.pages(key.query, key.durability)));
      source.readers++;
      open++;
      return source;
    } finally {
      lock.unlock();
    }
  }

  /** Reads no more pages. Those that are being read are still answered. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
    } finally {
      lock.unlock();
    }
  }

  /** What all pages that are kept take, roughly. */
  long keptBytes() {
    lock.lock();
    try {
      return bytes;
    } finally {
      lock.unlock();
    }
  }

  private boolean isFresh(SettledPage page) {
    return scheduler.nanoTime() - page.readAt() <= KEPT_NANOS;
  }

  private void keep(Source source, SettledPage page) {
    for (Kept overlapped = source.overlapping(page);
        overlapped != null;
        overlapped = source.overlapping(page)) {
      oldestFirst.remove(overlapped);
      drop(overlapped);
    }
    Kept added = new Kept(source, page, page.weight());
    source.kept.put(page.from(), added);
    oldestFirst.addLast(added);
    bytes += added.weight;
    long most = open > OPEN_FOR_ONE ? MOST_BYTES : MOST_BYTES_FOR_ONE;
    while (oldestFirst.size() > 1 && (bytes > most || !isFresh(oldestFirst.peek().page))) {
      drop(oldestFirst.remove());
    }
  }

  private void drop(Kept page) {
    page.source.kept.remove(page.page.from());
    bytes -= page.weight;
  }

  private void dropAll(Source source) {
    for (Iterator<Kept> all = oldestFirst.iterator(); all.hasNext(); ) {
      Kept kept = all.next();
      if (kept.source == source) {
        all.remove();
        bytes -= kept.weight;
      }
    }
  }

  private record Key(EventQuery query, Durability durability) {}

  /** A page that is kept, of which there is one. */
  private static final class Kept {
    private final Source source;
    private final SettledPage page;
    private final long weight;

    Kept(Source source, SettledPage page, long weight) {
      this.source = source;
      this.page = page;
      this.weight = weight;
    }
  }

  /** How pages come from the database. */
  @FunctionalInterface
  public interface Loading {

    /** What reads the pages of a query. */
    Loader pages(EventQuery query, Durability durability);
  }

  /** Reads pages of one query. */
  @FunctionalInterface
  public interface Loader {

    /**
     * Reads the page behind a position.
     *
     * @param limit the most events that it may have
     * @param now the time on the readers' clock
     */
    SettledPage read(long after, Mark mark, int limit, long now) throws SQLException;
  }

  /** The pages of one query. Those that are kept never overlap: the last one read is kept. */
  final class Source implements AutoCloseable {

    private final Key key;
    private final Loader loader;
    private final NavigableMap<Long, Kept> kept = new TreeMap<>();
    private final List<Flight> flights = new ArrayList<>();
    private int readers;
    private int liveReaders;

    private Source(Key key, Loader loader) {
      this.key = key;
      this.loader = loader;
    }

    /**
     * The page that goes on behind a position: one that is kept or being read, or else it is read
     * now.
     *
     * @param mark beyond the position
     */
    CompletableFuture<SettledPage> page(long after, Mark mark, int limit) {
      lock.lock();
      try {
        SettledPage found = find(after, mark.incarnation());
        if (found != null) {
          return CompletableFuture.completedFuture(found);
        }
        for (Flight flight : flights) {
          if (flight.willReachBeyond(after, mark.incarnation())) {
            return flight.page;
          }
        }
        if (closed) {
          throw new IllegalStateException("the event store is closed");
        }
        Flight flight = new Flight(after, mark, limit, new CompletableFuture<>());
        flights.add(flight);
        boolean begun = false;
        try {
          executor.execute(() -> fly(flight));
          begun = true;
        } finally {
          if (!begun) {
            flights.remove(flight);
          }
        }
        return flight.page;
      } finally {
        lock.unlock();
      }
    }

    private void fly(Flight flight) {
      SettledPage page;
      try {
        page = loader.read(flight.after, flight.mark, flight.limit, scheduler.nanoTime());
        flight.requireAnswer(page);
      } catch (Throwable e) {
        land(flight, null);
        flight.page.completeExceptionally(e);
        return;
      }
      land(flight, page);
      flight.page.complete(page);
    }

    /** The page is kept in the moment when it is no longer being read: nobody can miss both. */
    private void land(Flight flight, @Nullable SettledPage page) {
      lock.lock();
      try {
        flights.remove(flight);
        if (page != null && readers > 0) {
          keep(this, page);
        }
      } finally {
        lock.unlock();
      }
    }

    /** A page that reaches beyond a position. */
    private @Nullable SettledPage find(long position, String incarnation) {
      Map.Entry<Long, Kept> entry = kept.floorEntry(position);
      return entry == null ? null : ifUsable(entry.getValue(), position, incarnation);
    }

    private @Nullable SettledPage ifUsable(Kept found, long position, String incarnation) {
      return isUsable(found.page, position, incarnation) ? found.page : null;
    }

    /** A kept page that has positions in common with another one; null if none has. */
    private @Nullable Kept overlapping(SettledPage page) {
      Map.Entry<Long, Kept> last = kept.lowerEntry(page.upTo());
      return last != null && last.getValue().page.upTo() > page.from() ? last.getValue() : null;
    }

    /**
     * Whether a kept page goes on behind a position, in an incarnation of the server, and is fresh.
     */
    boolean isUsable(SettledPage page, long position, String incarnation) {
      return page.reachesBeyond(position)
          && page.mark().incarnation().equals(incarnation)
          && isFresh(page);
    }

    /**
     * A page and those that follow it, each of which begins where the one before ends, as long as
     * few events come together.
     */
    List<SettledPage> run(SettledPage first, int events) {
      List<SettledPage> run = new ArrayList<>(List.of(first));
      int count = first.events().size();
      lock.lock();
      try {
        SettledPage next = next(first);
        while (next != null && count < events) {
          run.add(next);
          count += next.events().size();
          next = next(next);
        }
      } finally {
        lock.unlock();
      }
      return run;
    }

    private @Nullable SettledPage next(SettledPage page) {
      Kept found = kept.get(page.upTo());
      return found == null ? null : ifUsable(found, page.upTo(), page.mark().incarnation());
    }

    /** A reader has come near the mark, or is there no more. */
    void live(boolean live) {
      lock.lock();
      try {
        boolean wasLive = liveReaders > 0;
        liveReaders += live ? 1 : -1;
        if (wasLive != liveReaders > 0) {
          liveQueries.merge(key.durability, live ? 1 : -1, Integer::sum);
        }
      } finally {
        lock.unlock();
      }
    }

    /** Whether others near the mark want other events. */
    boolean othersAreLive() {
      lock.lock();
      try {
        return liveQueries.getOrDefault(key.durability, 0) > 1;
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void close() {
      lock.lock();
      try {
        open--;
        if (--readers == 0) {
          sources.remove(key);
          dropAll(this);
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** A page that is being read. */
  private record Flight(long after, Mark mark, int limit, CompletableFuture<SettledPage> page) {

    /** Whether what was read is what was asked for. */
    void requireAnswer(SettledPage answer) {
      if (answer.from() != after || !answer.mark().equals(mark)) {
        throw new InvariantBrokenException(
            "a page behind position %d below mark %s was asked for, and one behind %d below %s was read"
                .formatted(after, mark, answer.from(), answer.mark()));
      }
    }

    /** Whether it will, unless its events are very large: so many events need as many positions. */
    boolean willReachBeyond(long position, String incarnation) {
      return after <= position
          && position < Math.min(mark.position(), after + limit)
          && mark.incarnation().equals(incarnation);
    }
  }
}
