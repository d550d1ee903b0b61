package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Workers;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.spi.EventFeed.Durability;

/** All that reads the settled order in this store. They share a mark and pages. */
public final class Readers implements AutoCloseable {

  private final Scheduler scheduler;
  private final HighWaterMark highWaterMark;
  private final CommitSignals signals;

  /** One thread for each page that is being read; none while all wait. */
  private final Workers reading;

  private final SharedPages pages;

  public Readers(
      Scheduler scheduler,
      HighWaterMark highWaterMark,
      CommitSignals signals,
      SharedPages.Loading loading) {
    this.scheduler = scheduler;
    this.highWaterMark = highWaterMark;
    this.signals = signals;
    this.reading = new Workers(scheduler, "eventstore-pages");
    this.pages = new SharedPages(loading, reading, scheduler);
  }

  /** A reader of what a query wants behind a position. */
  public PrefetchingReader follow(EventQuery query, long after, Durability durability) {
    signals.startListening();
    return new PrefetchingReader(scheduler, highWaterMark, pages, query, durability, after);
  }

  @Override
  public void close() {
    reading.close();
  }
}
