package dev.pgeventstore.testkit.contracts;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Reading one stream slice by slice. */
abstract class LazyReadContract extends ReadContract {

  private static final int MOST_IN_A_SLICE = 500;

  /** Records each read that reaches the store. */
  private final class Watched implements EventStreams {

    private final List<List<RecordedEvent>> reads = new ArrayList<>();

    @Override
    public AppendResult append(Append append) {
      return store.append(append);
    }

    @Override
    public List<RecordedEvent> read(StreamId stream, StreamRange range) {
      List<RecordedEvent> read = store.read(stream, range);
      reads.add(read);
      return read;
    }

    @Override
    public <T> Optional<T> unwrap(Class<T> type) {
      return store.unwrap(type);
    }
  }

  private static long[] versions(Stream<RecordedEvent> events) {
    return events.mapToLong(RecordedEvent::version).toArray();
  }

  private static StreamRange[] rangesOf(int events) {
    int size = Math.max(1, events);
    List<StreamRange> ranges = new ArrayList<>();
    for (StreamRange whole : List.of(StreamRange.forwards(), StreamRange.backwards())) {
      ranges.add(whole);
      for (int limit : new int[] {1, 499, 500, 501, 1000, size, size + 1}) {
        ranges.add(whole.limit(limit));
        ranges.add(whole.upTo(limit));
        ranges.add(whole.upTo(limit).limit(500));
      }
    }
    for (int from : new int[] {1, 2, 499, 500, 501, 1001, size, size + 1}) {
      ranges.add(StreamRange.forwardsFrom(from));
      ranges.add(StreamRange.backwardsFrom(from));
      ranges.add(StreamRange.forwardsFrom(from).upTo(1000).limit(750));
      ranges.add(StreamRange.backwardsFrom(from).upTo(1000).limit(750));
    }
    ranges.add(StreamRange.forwardsFrom(Long.MAX_VALUE));
    ranges.add(StreamRange.backwardsFrom(Long.MAX_VALUE));
    return ranges.toArray(StreamRange[]::new);
  }

  @Test
  void reading_lazily_returns_the_same_events_as_reading_at_once() {
    for (int size : new int[] {0, 1, 499, 500, 501, 1000, 1203}) {
      StreamId stream = stream("" + size);
      if (size > 0) {
        store.append(stream, any(), deposits(size));
      }
      for (StreamRange range : rangesOf(size)) {
        assertThat(versions(store.readLazily(stream, range)))
            .as(
                "%s of %d events, %d to %d, limit %d",
                range.isForwards() ? "forwards" : "backwards",
                size,
                range.first(),
                range.last(),
                range.limit())
            .isEqualTo(versions(store.read(stream, range).stream()));
      }
    }
  }

  @Test
  void reading_lazily_holds_one_slice_at_a_time_and_reads_no_slice_before_it_is_needed() {
    store.append(stream("1"), any(), deposits(1203));
    for (StreamRange range : List.of(StreamRange.forwards(), StreamRange.backwards())) {
      Watched watched = new Watched();
      Stream<RecordedEvent> unread = watched.readLazily(stream("1"), range);
      assertThat(watched.reads).as("nothing is read before it is consumed").isEmpty();
      assertThat(unread.limit(501)).hasSize(501);
      assertThat(watched.reads).extracting(List::size).containsExactly(500, 500);

      assertThat(store.readLazily(stream("1"), range).spliterator().trySplit())
          .as("splitting would read ahead")
          .isNull();
      Watched parallel = new Watched();
      assertThat(parallel.readLazily(stream("1"), range).parallel().toList()).hasSize(1203);
      assertThat(parallel.reads)
          .hasSize(3)
          .allSatisfy(read -> assertThat(read).hasSizeLessThanOrEqualTo(MOST_IN_A_SLICE));
    }
  }

  @Test
  void reading_lazily_skips_no_event_while_others_append() {
    store.append(stream("1"), any(), deposits(700));
    Iterator<RecordedEvent> forwards = store.readLazily(stream("1")).iterator();
    Iterator<RecordedEvent> bounded =
        store.readLazily(stream("1"), StreamRange.forwards().upTo(700)).iterator();
    Iterator<RecordedEvent> backwards =
        store.readLazily(stream("1"), StreamRange.backwards()).iterator();
    List<Long> up = new ArrayList<>();
    List<Long> upToBound = new ArrayList<>();
    List<Long> down = new ArrayList<>();
    while (forwards.hasNext() || bounded.hasNext() || backwards.hasNext()) {
      next(forwards, up);
      next(bounded, upToBound);
      next(backwards, down);
      if (up.size() % 100 == 1 && up.size() < 1000) {
        store.append(stream("1"), any(), deposits(60));
      }
    }
    assertThat(up)
        .hasSizeGreaterThanOrEqualTo(700)
        .containsExactlyElementsOf(LongStream.rangeClosed(1, up.size()).boxed().toList());
    assertThat(upToBound)
        .containsExactlyElementsOf(LongStream.rangeClosed(1, 700).boxed().toList());
    assertThat(down)
        .containsExactlyElementsOf(
            LongStream.rangeClosed(1, 700).map(i -> 701 - i).boxed().toList());
  }

  private static void next(Iterator<RecordedEvent> events, List<Long> versions) {
    if (events.hasNext()) {
      versions.add(events.next().version());
    }
  }
}
