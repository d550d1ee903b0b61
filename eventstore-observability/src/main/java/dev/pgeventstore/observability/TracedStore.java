package dev.pgeventstore.observability;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import java.sql.Connection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** A store whose appends have spans. Everything else it passes on. */
final class TracedStore implements EventStore {

  private final EventStore store;
  private final AppendSpans spans;

  TracedStore(EventStore store, AppendSpans spans) {
    this.store = store;
    this.spans = spans;
  }

  @Override
  public AppendResult append(Append append) {
    return spans.begin(append).send(store::append, "committed");
  }

  @Override
  public CompletableFuture<AppendResult> appendAsync(Append append) {
    AppendSpan span = spans.begin(append);
    try {
      CompletableFuture<AppendResult> result = store.appendAsync(span.append());
      // The caller gets the store's future, not a dependent one, which would fail differently.
      CompletableFuture<AppendResult> unused = result.whenComplete(span::completed);
      return result;
    } catch (RuntimeException | Error e) {
      span.failed(e);
      throw e;
    }
  }

  @Override
  public List<RecordedEvent> read(StreamId stream, StreamRange range) {
    return store.read(stream, range);
  }

  @Override
  public Position highWaterMark() {
    return store.highWaterMark();
  }

  @Override
  public EventPage readPage(EventQuery query, Position after, int limit) {
    return store.readPage(query, after, limit);
  }

  @Override
  public EventStreams within(Connection connection) {
    return new TracedStreams(store.within(connection));
  }

  @Override
  public <T> Optional<T> unwrap(Class<T> type) {
    return store.unwrap(type);
  }

  @Override
  public void close() {
    store.close();
  }

  /** In a transaction of the caller's, which may still roll the append back. */
  private final class TracedStreams implements EventStreams {

    private final EventStreams streams;

    TracedStreams(EventStreams streams) {
      this.streams = streams;
    }

    @Override
    public AppendResult append(Append append) {
      return spans.begin(append).send(streams::append, "written");
    }

    @Override
    public List<RecordedEvent> read(StreamId stream, StreamRange range) {
      return streams.read(stream, range);
    }

    @Override
    public <T> Optional<T> unwrap(Class<T> type) {
      return streams.unwrap(type);
    }
  }
}
