package dev.pgeventstore.subscription;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.Position;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.FeedReader;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What finds the start of a follower, and leaves an interrupt behind. */
class FollowerLoadTest {

  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final AtomicInteger opened = new AtomicInteger();
  private final AtomicInteger loads = new AtomicInteger();

  /** The first reader finds that the server was restarted; the mark is 7. */
  private EventFeed feed() {
    return (EventFeed)
        Proxy.newProxyInstance(
            EventFeed.class.getClassLoader(),
            new Class<?>[] {EventFeed.class},
            (proxy, method, arguments) ->
                switch (method.getName()) {
                  case "incarnation" -> "one";
                  case "highWaterMark" -> {
                    assertThat(Thread.currentThread().isInterrupted()).isFalse();
                    yield Position.of(7);
                  }
                  case "open" -> reader(opened.incrementAndGet() == 1);
                  default -> throw new UnsupportedOperationException(method.getName());
                });
  }

  private static FeedReader reader(boolean fails) {
    return new FeedReader() {
      @Override
      public EventPage next(int limit, Duration maxWait) throws InterruptedException {
        if (fails) {
          throw new HistoryChangedException("restarted");
        }
        Thread.sleep(1);
        return EventPage.of(List.of(), Position.of(7), Position.of(7));
      }

      @Override
      public String incarnation() {
        return "one";
      }

      @Override
      public void close() {}
    };
  }

  private Follower follower(Follower.Load load) {
    EventFeed feed = feed();
    RunningFollower follower =
        new RunningFollower(
            feed, EventQuery.all(), new FollowerStart(feed, load, true), 10, events -> {});
    follower.start();
    return follower;
  }

  @Test
  void an_interrupt_that_reloading_leaves_behind_changes_nothing() throws Exception {
    Follower.Load load =
        () -> {
          if (loads.incrementAndGet() > 1) {
            Thread.currentThread().interrupt();
          }
          return Position.of(loads.get());
        };
    try (Follower follower = follower(load)) {
      follower.awaitApplied(Position.of(7), PATIENCE);

      assertThat(follower.status().state()).isEqualTo(Follower.State.RUNNING);
    }
    assertThat(loads).hasValue(2);
  }

  @Test
  void reloading_that_was_interrupted_is_retried() throws Exception {
    Follower.Load load =
        () -> {
          if (loads.incrementAndGet() == 2) {
            throw new InterruptedException("by a client of something else");
          }
          return Position.of(loads.get());
        };
    try (Follower follower = follower(load)) {
      follower.awaitApplied(Position.of(7), PATIENCE);
    }
    assertThat(loads).hasValue(3);
  }

  @Test
  void an_interrupt_that_the_first_loading_leaves_behind_stays_with_the_caller() {
    try (Follower follower =
        follower(
            () -> {
              Thread.currentThread().interrupt();
              return Position.START;
            })) {
      assertThat(Thread.interrupted()).isTrue();
      assertThat(follower.status().state()).isEqualTo(Follower.State.RUNNING);
    }
  }
}
