package dev.pgeventstore;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The global order, page by page, up to the high-water mark that the last page has seen. */
final class LogPages extends LazyEvents {

  private final EventStore store;
  private final EventQuery query;
  private Position reached;
  private boolean ended;

  LogPages(EventStore store, EventQuery query, Position after) {
    this.store = store;
    this.query = query;
    this.reached = after;
  }

  @Override
  @Nullable List<RecordedEvent> readOn() {
    if (ended) {
      return null;
    }
    EventPage page = store.readPage(query, reached, AT_A_TIME);
    reached = page.upTo();
    ended = page.isLast();
    return page.events();
  }
}
