package dev.pgeventstore.postgres;

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
import java.util.concurrent.CopyOnWriteArrayList;

/** A wrapper such as an application writes for tracing: it notes each call and passes it on. */
final class TracingStore implements EventStore {

  private final EventStore store;
  private final List<String> calls;

  TracingStore(EventStore store) {
    this.store = store;
    this.calls = new CopyOnWriteArrayList<>();
  }

  List<String> calls() {
    return calls;
  }

  @Override
  public AppendResult append(Append append) {
    calls.add("append");
    return store.append(append);
  }

  @Override
  public CompletableFuture<AppendResult> appendAsync(Append append) {
    calls.add("appendAsync");
    return store.appendAsync(append);
  }

  @Override
  public List<RecordedEvent> read(StreamId stream, StreamRange range) {
    calls.add("read");
    return store.read(stream, range);
  }

  @Override
  public Position highWaterMark() {
    calls.add("highWaterMark");
    return store.highWaterMark();
  }

  @Override
  public EventPage readPage(EventQuery query, Position after, int limit) {
    calls.add("readPage");
    return store.readPage(query, after, limit);
  }

  @Override
  public EventStreams within(Connection connection) {
    EventStreams streams = store.within(connection);
    return new EventStreams() {
      @Override
      public AppendResult append(Append append) {
        calls.add("append");
        return streams.append(append);
      }

      @Override
      public List<RecordedEvent> read(StreamId stream, StreamRange range) {
        calls.add("read");
        return streams.read(stream, range);
      }

      @Override
      public <T> Optional<T> unwrap(Class<T> type) {
        return streams.unwrap(type);
      }
    };
  }

  @Override
  public <T> Optional<T> unwrap(Class<T> type) {
    return store.unwrap(type);
  }

  @Override
  public void close() {
    store.close();
  }
}
