package dev.pgeventstore.testkit.contracts;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.testkit.contracts.AccountEvent.Deposited;
import dev.pgeventstore.testkit.contracts.AccountEvent.Opened;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * What all parts of the contract use. Each test has its own streams, so that a store may keep its
 * events from one test to the next.
 */
abstract class ContractFixture {

  static final int RACERS = 8;

  final EventCodec codec = JacksonCodec.of(EventTypes.of(AccountEvent.class));

  /** A category that no other test uses. */
  final String category = "c" + UUID.randomUUID().toString().replace("-", "");

  @SuppressWarnings("NullAway.Init")
  EventStore store;

  @SuppressWarnings("NullAway.Init")
  private Position markBefore;

  /**
   * Opens the store to be tested.
   *
   * @param codec of the events
   * @return a store that nothing else appends to during the test; it may already hold events. The
   *     test closes it
   */
  protected abstract EventStore newStore(EventCodec codec);

  @BeforeEach
  void openStore() {
    store = newStore(codec);
    markBefore = store.highWaterMark();
  }

  @AfterEach
  void closeStore() {
    store.close();
  }

  StreamId stream(String key) {
    return StreamId.of(category, key);
  }

  static Opened opened(String owner) {
    return new Opened(owner);
  }

  static Deposited deposited(long cents) {
    return new Deposited(cents, Instant.ofEpochSecond(1_767_225_600 + cents, 123_456_000));
  }

  /** This many events, all different. */
  static List<AccountEvent> deposits(int count) {
    List<AccountEvent> events = new ArrayList<>();
    for (int i = 1; i <= count; i++) {
      events.add(deposited(i));
    }
    return events;
  }

  AppendResult append(StreamId stream, Object... events) {
    return store.append(stream, ExpectedVersion.any(), List.of(events));
  }

  List<Object> payloads(StreamId stream) {
    return store.read(stream).stream().map(RecordedEvent::payload).toList();
  }

  /** All events that this test appended, in the global order. */
  List<RecordedEvent> appended() {
    return readPage(EventQuery.all().categories(category), 1000);
  }

  /** All events that were appended since the test began and match the query, page after page. */
  List<RecordedEvent> readPage(EventQuery query, int limit) {
    List<RecordedEvent> events = new ArrayList<>();
    Position after = markBefore;
    while (true) {
      EventPage page = store.readPage(query, after, limit);
      assertThat(page.events()).hasSizeLessThanOrEqualTo(limit);
      assertThat(page.upTo()).isLessThanOrEqualTo(page.highWaterMark());
      events.addAll(page.events());
      if (page.isLast()) {
        return events;
      }
      assertThat(page.upTo()).as("each page ends after the one before").isGreaterThan(after);
      after = page.upTo();
    }
  }

  Position markBefore() {
    return markBefore;
  }

  /** Polls until a condition holds, for conditions that nothing signals. */
  static void eventually(BooleanSupplier condition) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("time to wait until").isLessThan(deadline);
      TimeUnit.MILLISECONDS.sleep(5);
    }
  }

  /** Lets many threads append at once. Returns the outcome of each: a result, or a conflict. */
  List<Object> race(int racers, IntFunction<Append> append) {
    ExecutorService threads = Executors.newFixedThreadPool(racers);
    try {
      CyclicBarrier start = new CyclicBarrier(racers);
      List<Future<Object>> futures = new ArrayList<>();
      for (int i = 0; i < racers; i++) {
        Append mine = append.apply(i);
        futures.add(
            threads.submit(
                () -> {
                  start.await(1, TimeUnit.MINUTES);
                  try {
                    return store.append(mine);
                  } catch (ConflictException e) {
                    return e;
                  }
                }));
      }
      List<Object> outcomes = new ArrayList<>();
      for (Future<Object> future : futures) {
        outcomes.add(future.get(1, TimeUnit.MINUTES));
      }
      return outcomes;
    } catch (Exception e) {
      throw new AssertionError("a racer failed: " + e, e);
    } finally {
      threads.shutdownNow();
    }
  }

  static List<AppendResult> results(List<Object> outcomes) {
    return outcomes.stream()
        .filter(AppendResult.class::isInstance)
        .map(AppendResult.class::cast)
        .toList();
  }

  static List<ConflictException> conflicts(List<Object> outcomes) {
    return outcomes.stream()
        .filter(ConflictException.class::isInstance)
        .map(ConflictException.class::cast)
        .toList();
  }
}
