package dev.pgeventstore;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A part of a stream, slice by slice: each is a reading of its own, from the version where the one
 * before ended.
 */
final class StreamSlices extends LazyEvents {

  private final EventStreams streams;
  private final StreamId stream;
  private @Nullable StreamRange rest;

  StreamSlices(EventStreams streams, StreamId stream, StreamRange range) {
    this.streams = streams;
    this.stream = stream;
    this.rest = range;
  }

  @Override
  @Nullable List<RecordedEvent> readOn() {
    StreamRange range = rest;
    if (range == null) {
      return null;
    }
    int size = Math.min(AT_A_TIME, range.limit());
    List<RecordedEvent> events = streams.read(stream, range.limit(size));
    // A slice that is not full was the last: nothing came after it when it was read.
    rest = events.size() < size ? null : range.after(events.get(size - 1).version(), size);
    return events;
  }
}
