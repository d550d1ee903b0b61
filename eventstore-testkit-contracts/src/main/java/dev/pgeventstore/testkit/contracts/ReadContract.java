package dev.pgeventstore.testkit.contracts;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Reading one stream. */
abstract class ReadContract extends BadInputContract {

  @Test
  void an_unknown_stream_has_no_events() {
    assertThat(store.read(stream("1"))).isEmpty();
    assertThat(store.read(stream("1"), StreamRange.backwards())).isEmpty();
  }

  @Test
  void an_append_can_be_read_as_soon_as_it_has_returned() {
    for (int i = 1; i <= 20; i++) {
      append(stream("1"), deposited(i));
      assertThat(store.read(stream("1"))).hasSize(i);
    }
  }

  @Test
  void a_stream_has_only_its_own_events() {
    append(stream("1"), opened("ann"));
    append(stream("10"), opened("bob"));
    append(stream("1-0"), opened("cem"));
    append(StreamId.of(category + "1", "1"), opened("dee"));
    assertThat(payloads(stream("1"))).containsExactly(opened("ann"));
    assertThat(payloads(stream("1-0"))).containsExactly(opened("cem"));
  }

  @Test
  void any_range_is_read_in_either_direction() {
    int size = 6;
    store.append(stream("1"), any(), deposits(size));
    assertVersions(StreamRange.forwards(), 1, 2, 3, 4, 5, 6);
    assertVersions(StreamRange.backwards(), 6, 5, 4, 3, 2, 1);
    assertVersions(StreamRange.backwards().limit(1), 6);
    for (int from = 1; from <= size + 2; from++) {
      for (int to = 1; to <= size + 2; to++) {
        for (int limit = 1; limit <= size + 1; limit++) {
          assertVersions(
              StreamRange.forwardsFrom(from).upTo(to).limit(limit),
              LongStream.rangeClosed(from, Math.min(to, size)).limit(limit).toArray());
          int highest = Math.min(Math.min(from, to), size);
          assertVersions(
              StreamRange.backwardsFrom(from).upTo(to).limit(limit),
              LongStream.range(0, highest).map(i -> highest - i).limit(limit).toArray());
        }
      }
    }
    assertVersions(StreamRange.forwardsFrom(Long.MAX_VALUE));
    assertVersions(StreamRange.backwardsFrom(Long.MAX_VALUE).limit(2), 6, 5);
  }

  private void assertVersions(StreamRange range, long... versions) {
    List<RecordedEvent> events = store.read(stream("1"), range);
    assertThat(events.stream().mapToLong(RecordedEvent::version).toArray()).isEqualTo(versions);
    for (RecordedEvent event : events) {
      assertThat(event.payload()).isEqualTo(deposited(event.version()));
    }
  }
}
