package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.subscribe.PrefetchingReader.Waking;
import dev.pgeventstore.spi.EventFeed.Durability;

/** All that reads the settled order in a store. They share a mark and pages. */
public final class Readers implements AutoCloseable {

  private final Scheduler scheduler;
  private final HighWaterMark highWaterMark;
  private final CommitSignals signals;
  private final SharedPages pages;

  /** Pages are read by the engine's workers: one for each page that is being read. */
  Readers(
      Engine engine,
      HighWaterMark highWaterMark,
      CommitSignals signals,
      SharedPages.Loading loading) {
    this.scheduler = engine.scheduler();
    this.highWaterMark = highWaterMark;
    this.signals = signals;
    this.pages = new SharedPages(loading, engine.pages(), scheduler);
  }

  /** A reader of what a query wants behind a position. */
  public PrefetchingReader follow(EventQuery query, long after, Durability durability) {
    signals.startListening();
    return new PrefetchingReader(scheduler, highWaterMark, pages, query, durability, after);
  }

  /** The same for a reader that polls, and is woken when that is worth while. */
  PrefetchingReader poll(EventQuery query, long after, Durability durability, Waking waking) {
    signals.startListening();
    return new PrefetchingReader(scheduler, highWaterMark, pages, query, durability, after, waking);
  }

  @Override
  public void close() {
    pages.close();
  }
}
