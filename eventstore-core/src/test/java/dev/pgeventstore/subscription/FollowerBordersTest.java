package dev.pgeventstore.subscription;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.FlatCodec;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.StoredEvent;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.UUID;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** A follower whose feed does what a feed never does. */
class FollowerBordersTest {

  private final Deque<EventPage> pages = new ArrayDeque<>();
  private final List<Long> handled = Collections.synchronizedList(new ArrayList<>());

  @Test
  void a_follower_that_receives_an_event_twice_fails_and_does_not_handle_it() {
    pages.add(page(3, 1, 2, 3));
    pages.add(page(5, 3, 4, 5));
    EventFeed feed = feed();
    RunningFollower follower =
        new RunningFollower(
            feed,
            EventQuery.all(),
            new FollowerStart(feed, () -> Position.START, false),
            10,
            events -> events.forEach(event -> handled.add(event.position().value())));
    follower.start();

    assertThatThrownBy(() -> follower.awaitApplied(Position.of(5), Duration.ofSeconds(10)))
        .isInstanceOf(IllegalStateException.class)
        .hasCauseInstanceOf(InvariantBrokenException.class);
    assertThat(follower.status().state()).isEqualTo(Follower.State.FAILED);
    assertThat(follower.status().position()).isEqualTo(Position.of(3));
    assertThat(handled).containsExactly(1L, 2L, 3L);
    follower.close();
  }

  private static EventPage page(long upTo, long... positions) {
    List<RecordedEvent> events =
        LongStream.of(positions).mapToObj(FollowerBordersTest::event).toList();
    return EventPage.of(events, Position.of(upTo), Position.of(9));
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

  private EventFeed feed() {
    return (EventFeed)
        Proxy.newProxyInstance(
            EventFeed.class.getClassLoader(),
            new Class<?>[] {EventFeed.class},
            (proxy, method, arguments) ->
                switch (method.getName()) {
                  case "incarnation" -> "one";
                  case "highWaterMark" -> Position.of(9);
                  case "open" -> new Reader();
                  default -> throw new UnsupportedOperationException(method.getName());
                });
  }

  private final class Reader implements FeedReader {
    @Override
    public EventPage next(int limit, Duration maxWait) {
      return pages.remove();
    }

    @Override
    public String incarnation() {
      return "one";
    }

    @Override
    public void close() {}
  }
}
