package dev.pgeventstore;

import java.util.Iterator;
import java.util.List;
import java.util.Spliterator;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A part of a stream, read slice by slice while it is consumed: each slice is a reading of its own,
 * from the version where the one before ended.
 */
final class StreamSlices implements Spliterator<RecordedEvent> {

  /** Few enough to fit into any heap, and enough to make the round trips cheap. */
  static final int SLICE = 500;

  private final EventStreams streams;
  private final StreamId stream;
  private @Nullable StreamRange rest;
  private Iterator<RecordedEvent> slice = List.<RecordedEvent>of().iterator();

  StreamSlices(EventStreams streams, StreamId stream, StreamRange range) {
    this.streams = streams;
    this.stream = stream;
    this.rest = range;
  }

  @Override
  public boolean tryAdvance(Consumer<? super RecordedEvent> action) {
    if (!slice.hasNext()) {
      readOn();
    }
    if (!slice.hasNext()) {
      return false;
    }
    action.accept(slice.next());
    return true;
  }

  private void readOn() {
    StreamRange range = rest;
    if (range == null) {
      return;
    }
    int size = Math.min(SLICE, range.limit());
    List<RecordedEvent> events = streams.read(stream, range.limit(size));
    // A slice that is not full was the last: there was nothing behind it when it was read.
    rest = events.size() < size ? null : range.after(events.get(size - 1).version(), size);
    slice = events.iterator();
  }

  /** Not split: a part that is processed elsewhere would let this one read ahead without bound. */
  @Override
  public @Nullable Spliterator<RecordedEvent> trySplit() {
    return null;
  }

  @Override
  public long estimateSize() {
    return Long.MAX_VALUE;
  }

  @Override
  public int characteristics() {
    return ORDERED | NONNULL | DISTINCT;
  }
}
