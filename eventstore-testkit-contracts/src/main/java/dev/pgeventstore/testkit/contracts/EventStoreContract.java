package dev.pgeventstore.testkit.contracts;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * What every {@link dev.pgeventstore.EventStore} does: JUnit tests for those who implement one.
 * Extend this class, and return a store from {@code newStore}.
 *
 * <pre>{@code
 * class InMemoryEventStoreTest extends EventStoreContract {
 *   @Override
 *   protected EventStore newStore(EventCodec codec) {
 *     return InMemoryEventStore.of(codec);
 *   }
 * }
 * }</pre>
 *
 * <p>Every test appends to its own streams, so one database may serve all of them. Nothing else may
 * append to it meanwhile. The store must have the default limit of 900 KiB for an event.
 */
public abstract class EventStoreContract extends LazyReadContract {

  /** For subclasses. */
  protected EventStoreContract() {}

  @Test
  void pages_of_every_size_return_every_event_once_and_in_order() {
    for (int i = 1; i <= 23; i++) {
      append(stream("" + i % 3), deposited(i));
    }
    List<Position> all = positions(appended());
    assertThat(all).hasSize(23).isSorted().doesNotHaveDuplicates();
    for (int limit : new int[] {1, 2, 3, 7, 22, 23, 24, 1000}) {
      assertThat(positions(readPage(EventQuery.all(), limit))).isEqualTo(all);
      assertThat(positions(readPage(EventQuery.all().categories(category), limit))).isEqualTo(all);
    }
    EventPage unfiltered = store.readPage(markBefore(), 5);
    assertThat(positions(unfiltered.events())).isEqualTo(all.subList(0, 5));
    assertThat(unfiltered.isLast()).isFalse();
  }

  private static List<Position> positions(List<RecordedEvent> events) {
    return events.stream().map(RecordedEvent::position).toList();
  }

  @Test
  void reading_starts_after_the_given_position() {
    AppendResult first = append(stream("1"), deposited(1));
    AppendResult second = append(stream("2"), deposited(2));
    EventPage page = store.readPage(first.position(), 10);
    assertThat(positions(page.events())).containsExactly(second.position());
    assertThat(page.isLast()).isTrue();
    assertThat(page.upTo()).isEqualTo(page.highWaterMark());
    EventPage empty = store.readPage(page.upTo(), 10);
    assertThat(empty.events()).isEmpty();
    assertThat(empty.isLast()).isTrue();
  }

  @Test
  void events_of_the_global_order_are_the_same_as_those_of_their_streams() {
    append(stream("1"), opened("ann"), deposited(1));
    RecordedEvent ofStream = store.read(stream("1")).get(1);
    RecordedEvent ofAll = appended().get(1);
    assertThat(ofAll.position()).isEqualTo(ofStream.position());
    assertThat(ofAll.stream()).isEqualTo(ofStream.stream());
    assertThat(ofAll.version()).isEqualTo(ofStream.version());
    assertThat(ofAll.id()).isEqualTo(ofStream.id());
    assertThat(ofAll.payload()).isEqualTo(ofStream.payload());
    assertThat(ofAll.recordedAt()).isEqualTo(ofStream.recordedAt());
  }

  @Test
  void a_query_that_matches_nothing_reaches_the_mark() {
    append(stream("1"), opened("ann"));
    assertThat(readPage(EventQuery.all().categories(category).types("no-such-type"), 1)).isEmpty();
  }

  @Test
  void a_page_size_below_1_is_refused() {
    for (int limit : new int[] {0, -1}) {
      assertThatThrownBy(() -> store.readPage(Position.START, limit))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void the_mark_follows_what_is_appended_and_never_goes_back() {
    Position before = store.highWaterMark();
    for (int i = 0; i < 20; i++) {
      Position position = append(stream("" + i), deposited(i)).position();
      Position mark = store.highWaterMark();
      assertThat(mark).isGreaterThanOrEqualTo(position).isGreaterThanOrEqualTo(before);
      before = mark;
    }
  }

  @Test
  void a_reader_that_follows_while_others_append_sees_every_event_once_and_in_order()
      throws Exception {
    int writers = 4;
    int appends = 60;
    ExecutorService threads = Executors.newFixedThreadPool(writers);
    try {
      List<Future<?>> writing = new ArrayList<>();
      for (int w = 0; w < writers; w++) {
        StreamId stream = stream("" + w);
        writing.add(
            threads.submit(
                () -> {
                  for (int i = 0; i < appends; i++) {
                    store.append(stream, any(), deposits(1 + i % 3));
                  }
                }));
      }
      List<RecordedEvent> seen = new ArrayList<>();
      Position after = markBefore();
      boolean more = true;
      while (more) {
        boolean written = writing.stream().allMatch(Future::isDone);
        EventPage page = store.readPage(EventQuery.all().categories(category), after, 7);
        seen.addAll(page.events());
        after = page.upTo();
        more = !(written && page.isLast());
      }
      for (Future<?> writer : writing) {
        writer.get(1, TimeUnit.MINUTES);
      }
      assertThat(positions(seen)).isEqualTo(positions(appended()));
      assertThat(seen).hasSize(writers * appends * 2);
      for (int w = 0; w < writers; w++) {
        StreamId stream = stream("" + w);
        assertThat(seen.stream().filter(event -> event.stream().equals(stream)))
            .extracting(RecordedEvent::version)
            .isSorted()
            .hasSize(appends * 2);
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void a_query_returns_the_events_it_matches() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    List<String> categories = List.of(category, category + "x", category + "_", category + " a");
    List<String> keys = List.of("1", "12", "a_b", "a%b", "axb", "a\\b", "😀-1", "\uffee");
    List<String> types = List.of("one", "two", "On", "o_e", "größe");
    for (int i = 0; i < 120; i++) {
      append(
          StreamId.of(oneOf(categories, random), oneOf(keys, random)),
          EncodedEvent.of(oneOf(types, random), 1, "{}"));
    }
    List<RecordedEvent> all = readPage(EventQuery.all(), 1000);
    assertThat(all).hasSize(120);
    for (int i = 0; i < 100; i++) {
      EventQuery query = anyQuery(random, categories, keys, types);
      assertThat(positions(readPage(query, 1 + random.nextInt(50))))
          .as("seed %d, query %s", seed, query)
          .isEqualTo(positions(all.stream().filter(query::matches).toList()));
    }
  }

  private static EventQuery anyQuery(
      Random random, List<String> categories, List<String> keys, List<String> types) {
    EventQuery query = EventQuery.all();
    if (random.nextInt(3) > 0) {
      query = query.categories(oneOf(categories, random), oneOf(categories, random));
    }
    if (random.nextInt(3) > 0) {
      query = query.types(oneOf(types, random), oneOf(types, random));
    }
    if (random.nextInt(2) > 0) {
      String id = oneOf(categories, random) + "-" + oneOf(keys, random);
      int end = id.offsetByCodePoints(0, 1 + random.nextInt(id.codePointCount(0, id.length())));
      query = query.streamPrefix(id.substring(0, end));
    }
    return random.nextInt(4) == 0 ? query.or(anyQuery(random, categories, keys, types)) : query;
  }

  private static String oneOf(List<String> of, Random random) {
    return of.get(random.nextInt(of.size()));
  }
}
