package dev.pgeventstore.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.FlatCodec;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** What a page must be, and what it must be to go on from another. */
class ReadingPlaceTest {

  private final ReadingPlace place = ReadingPlace.of("a reader", Position.of(3));

  static EventPage page(long upTo, long mark, long... positions) {
    List<RecordedEvent> events =
        LongStream.of(positions).mapToObj(ReadingPlaceTest::event).toList();
    return EventPage.of(events, Position.of(upTo), Position.of(mark));
  }

  private static RecordedEvent event(long position) {
    return StoredEvent.of(
        Position.of(position),
        StreamId.of("order", "1"),
        position,
        new UUID(0, position),
        EncodedEvent.of("happened", 1, "{}"),
        null,
        Instant.EPOCH,
        FlatCodec.none());
  }

  @Test
  void consecutive_pages_are_accepted() {
    for (EventPage page :
        List.of(page(3, 3), page(5, 9, 4, 5), page(8, 9), page(8, 9), page(10, 10, 9))) {
      assertThat(place.advance(page)).isSameAs(page);
    }
  }

  @Test
  void a_page_with_an_event_that_was_already_read_is_refused_with_the_facts() {
    place.advance(page(5, 9, 4, 5));

    assertThatThrownBy(() -> place.advance(page(6, 9, 5, 6)))
        .isInstanceOf(InvariantBrokenException.class)
        .hasMessageContaining("a reader is at position 5")
        .hasMessageContaining("2 events from position 5 on, up to 6");
  }

  @Test
  void a_page_that_ends_before_the_previous_one_is_refused() {
    place.advance(page(5, 9, 4));

    assertThatThrownBy(() -> place.advance(page(4, 9)))
        .isInstanceOf(InvariantBrokenException.class);
  }

  @Test
  void a_page_below_an_older_mark_is_refused() {
    place.advance(page(5, 9, 4));

    assertThatThrownBy(() -> place.advance(page(8, 8)))
        .isInstanceOf(InvariantBrokenException.class);
  }

  @Test
  void there_is_no_page_with_events_out_of_order_or_beyond_its_end_or_the_mark() {
    assertThatThrownBy(() -> page(5, 9, 4, 4)).isInstanceOf(InvariantBrokenException.class);
    assertThatThrownBy(() -> page(5, 9, 5, 4))
        .isInstanceOf(InvariantBrokenException.class)
        .hasMessageContaining("event at position 4 after the one at 5");
    assertThatThrownBy(() -> page(5, 9, 4, 6)).isInstanceOf(InvariantBrokenException.class);
    assertThatThrownBy(() -> page(5, 4, 4)).isInstanceOf(InvariantBrokenException.class);
  }
}
