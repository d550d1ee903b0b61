package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.postgres.internal.fence.Mark;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What a lane handles of a page, batch by batch. For one thread at a time. */
final class PageBatches {

  private final List<RecordedEvent> wanted;
  private final long upTo;
  private final Mark mark;
  private final boolean full;
  private final int size;
  private int from;

  /**
   * @param barrier what lies beyond it is left
   * @param size of a batch
   * @param full whether the page had as many events as it could have
   */
  PageBatches(EventPage page, Mark mark, Share share, long barrier, int size, boolean full) {
    this.upTo = Math.min(page.upTo().value(), barrier);
    this.mark = mark;
    this.size = size;
    this.full = full;
    List<RecordedEvent> own = new ArrayList<>();
    for (RecordedEvent event : page.events()) {
      if (event.position().value() <= upTo && share.has(event.stream())) {
        own.add(event);
      }
    }
    // The handler is given parts of it: removing an event there would skip another one here.
    this.wanted = Collections.unmodifiableList(own);
  }

  /** Whether it has nothing for the handler. */
  boolean isEmpty() {
    return wanted.isEmpty();
  }

  /** Where the lane is once all is handled. */
  long upTo() {
    return upTo;
  }

  /** Below which mark it was read. */
  Mark mark() {
    return mark;
  }

  boolean isFull() {
    return full;
  }

  boolean hasBatch() {
    return from < wanted.size();
  }

  /** The next batch, until it is done. */
  List<RecordedEvent> batch() {
    return wanted.subList(from, to());
  }

  /** Up to the next event: what lies between is not wanted, or other partitions'. */
  long reached() {
    return to() == wanted.size() ? upTo : wanted.get(to() - 1).position().value();
  }

  private int to() {
    return Math.min(from + size, wanted.size());
  }

  void batchDone() {
    from = to();
  }
}
