package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static dev.pgeventstore.ExpectedVersion.noStream;
import static dev.pgeventstore.ExpectedVersion.streamExists;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventIdReusedException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Appends of many events that are sent again. A retry that looked through all of its events for
 * each of them took 20 times as long as the first try, and more, with its streams locked.
 */
@ExtendWith(PostgresExtension.class)
@Timeout(300)
class LargeRetryTest {

  private static final int MANY = Integer.getInteger("events", 4_000);
  private static final Duration AT_LEAST = Duration.ofSeconds(1);

  private TestStore store;

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database, 3, builder -> builder);
    store.append("other-1");
  }

  @AfterEach
  void close() {
    store.close();
  }

  private static List<NewEvent> events(int count) {
    return Stream.generate(() -> TestStore.event("e")).limit(count).toList();
  }

  private static Append toOneStream(ExpectedVersion expected) {
    return Append.to(StreamId.of("one", "1"), expected, events(MANY));
  }

  private static Append toManyStreams(ExpectedVersion expected, int count) {
    // One by one, "and" would copy all that come before.
    Append append = Append.to(StreamId.of("many", "0"), expected, events(1));
    for (int i = 1; i < count; i++) {
      append = append.and(StreamId.of("many", "" + i), expected, events(1));
    }
    return append;
  }

  private static Duration time(ThrowingCallable work) throws Exception {
    long began = System.nanoTime();
    try {
      work.call();
    } catch (Exception | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
    return Duration.ofNanos(System.nanoTime() - began);
  }

  private void assertQuick(String what, Duration first, Duration again) {
    System.out.printf("%s: %d ms, then %d ms%n", what, first.toMillis(), again.toMillis());
    assertThat(again).as(what).isLessThan(first.multipliedBy(4).plus(AT_LEAST));
  }

  private void appendTwice(String what, Append append) throws Exception {
    List<AppendResult> results = new ArrayList<>();
    Duration first = time(() -> results.add(store.store.append(append)));
    // With statistics plans are others, and worse where they can be.
    store.execute("analyze eventstore.events");
    Duration again = time(() -> results.add(store.store.append(append)));
    assertThat(results).extracting(AppendResult::replayed).containsExactly(false, true);
    assertThat(results.get(1).versions()).isEqualTo(results.get(0).versions());
    assertThat(results.get(1).position()).isEqualTo(results.get(0).position());
    assertQuick(what, first, again);
  }

  @Test
  void a_retry_for_one_stream_takes_no_longer_than_the_first_attempt() throws Exception {
    appendTwice("one new stream", toOneStream(noStream()));
    store.store.append(StreamId.of("one", "1"), any(), events(100));
    appendTwice("one stream at any version", toOneStream(any()));
    appendTwice("one stream that exists", toOneStream(streamExists()));
  }

  @Test
  void a_retry_for_many_streams_takes_no_longer_than_the_first_attempt() throws Exception {
    appendTwice("new streams", toManyStreams(noStream(), MANY / 2));
    appendTwice("streams at any version", toManyStreams(any(), MANY / 8));
  }

  @Test
  void an_append_that_is_not_a_retry_is_decided_as_quickly() throws Exception {
    List<NewEvent> stored = new ArrayList<>(events(MANY));
    StreamId stream = StreamId.of("one", "1");
    Duration first = time(() -> store.store.append(stream, noStream(), stored));

    Duration conflict =
        time(
            () ->
                assertThatThrownBy(() -> store.store.append(toOneStream(noStream())))
                    .isInstanceOf(ConflictException.class));
    assertQuick("a conflict", first, conflict);

    Collections.swap(stored, 0, MANY - 1);
    for (ExpectedVersion expected : List.of(noStream(), any())) {
      Duration reused =
          time(
              () ->
                  assertThatThrownBy(() -> store.store.append(stream, expected, stored))
                      .isInstanceOf(EventIdReusedException.class));
      assertQuick("ids that are stored otherwise", first, reused);
    }
  }
}
