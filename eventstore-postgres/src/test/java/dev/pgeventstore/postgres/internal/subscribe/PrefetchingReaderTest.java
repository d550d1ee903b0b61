package dev.pgeventstore.postgres.internal.subscribe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.internal.fence.FenceView;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.fence.LoneMark;
import dev.pgeventstore.postgres.internal.scheduling.TurnedClock;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.StoredEvent;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Readers of different pace that share pages. Without a database, and without time. */
class PrefetchingReaderTest {

  private static final EventCodec CODEC = JacksonCodec.of(EventTypes.none());
  private static final String INCARNATION = "this incarnation";
  private static final Duration STALE = Duration.ofNanos(SharedPages.KEPT_NANOS + 1);
  private static final EventQuery EVEN = EventQuery.all().categories("even");
  private static final EventQuery ODD = EventQuery.all().categories("odd");

  private final TurnedClock clock = TurnedClock.standing(0);
  private long mark = 60;

  private final LoneMark lone = new LoneMark(clock, new LastPosition(), Duration.ofHours(1));
  private final HighWaterMark highWaterMark = lone.mark();

  private final SharedPages pages =
      new SharedPages((query, durability) -> reading(query), Runnable::run, clock);

  @AfterEach
  void close() {
    lone.close();
  }

  /** Three readers of one query: the first pages of one of them have gone stale. */
  @ParameterizedTest
  @EnumSource
  void a_page_that_begins_within_another_is_not_read_on_behind_it(Durability durability)
      throws Exception {
    TestReader slow = reader(EventQuery.all(), durability);
    TestReader other = reader(EventQuery.all(), durability);
    TestReader view = reader(EventQuery.all(), durability);

    slow.next(20);
    clock.turn(STALE);
    slow.next(20);
    other.next(30);
    view.next(200);
    view.readOn(200);

    assertThat(view.positions()).isEqualTo(upTo(60));
    assertThat(slow.positions()).isEqualTo(upTo(40));
    assertThat(other.positions()).isEqualTo(upTo(30));
  }

  /** A sibling: readers of other queries pick theirs from the pages of all events. */
  @Test
  void that_holds_for_readers_that_pick_theirs_from_the_pages_of_all() throws Exception {
    TestReader slow = reader(EventQuery.all());
    TestReader even = reader(EVEN);
    TestReader odd = reader(ODD);
    slow.next(20);
    clock.turn(STALE);
    slow.next(20);
    reader(EventQuery.all()).next(30);

    even.readOn(200);
    odd.readOn(200);

    assertThat(even.positions()).isEqualTo(even.wanted());
    assertThat(odd.positions()).isEqualTo(odd.wanted());
  }

  /** Another sibling: nothing has gone stale, but a reader has started in the middle. */
  @Test
  void a_reader_that_started_further_on_leaves_no_page_that_repeats_events() throws Exception {
    reader(EventQuery.all(), 3).next(10);
    reader(EventQuery.all()).next(7);

    TestReader view = reader(EventQuery.all());
    view.readOn(200);

    assertThat(view.positions()).isEqualTo(upTo(60));
  }

  @Test
  void readers_of_any_pace_and_query_get_each_event_once_and_in_order() throws Exception {
    for (int seed = 1; seed <= 200; seed++) {
      Random random = new Random(seed);
      mark += random.nextInt(40);
      List<TestReader> readers = new ArrayList<>();
      for (int step = 0; step < 60; step++) {
        int die = random.nextInt(20);
        if (readers.size() < 2 || die == 0) {
          EventQuery query = List.of(EventQuery.all(), EventQuery.all(), EVEN, ODD).get(die % 4);
          readers.add(reader(query, Math.max(0, mark - 100) + random.nextInt(30)));
        } else if (die == 1) {
          clock.turn(random.nextLong(STALE.toNanos()));
        } else if (die == 2) {
          mark += random.nextInt(10);
          highWaterMark.observe();
        } else {
          readers.get(random.nextInt(readers.size())).next(1 + random.nextInt(40));
        }
      }
      for (TestReader reader : readers) {
        reader.readOn(1 + random.nextInt(40));
        assertThat(reader.positions()).as("seed %d", seed).isEqualTo(reader.wanted());
        reader.reader.close();
      }
    }
  }

  private TestReader reader(EventQuery query) {
    return reader(query, Durability.VISIBLE);
  }

  private TestReader reader(EventQuery query, Durability durability) {
    return new TestReader(query, durability, 0);
  }

  private TestReader reader(EventQuery query, long after) {
    return new TestReader(query, Durability.VISIBLE, after);
  }

  private static List<Long> upTo(long last) {
    return LongStream.rangeClosed(1, last).boxed().toList();
  }

  /** There is an event at every position; those of one query are read as far as the limit goes. */
  private static SharedPages.Loader reading(EventQuery query) {
    return (after, mark, limit, now) -> {
      List<RecordedEvent> events = new ArrayList<>();
      long upTo = mark.position();
      for (long position = after + 1; position <= mark.position(); position++) {
        RecordedEvent event = event(position);
        if (query.matches(event)) {
          events.add(event);
        }
        if (events.size() == limit) {
          upTo = position;
          break;
        }
      }
      return new SettledPage(after, upTo, events, mark, now);
    };
  }

  private static RecordedEvent event(long position) {
    return StoredEvent.of(
        Position.of(position),
        StreamId.of(position % 2 == 0 ? "even" : "odd", "1"),
        position,
        new UUID(0, position),
        EncodedEvent.of("happened", 1, new byte[2]),
        null,
        Instant.EPOCH,
        CODEC);
  }

  private final class TestReader {
    private final EventQuery query;
    private final long after;
    private final PrefetchingReader reader;
    private final List<Long> positions = new ArrayList<>();

    TestReader(EventQuery query, Durability durability, long after) {
      this.query = query;
      this.after = after;
      reader = new PrefetchingReader(clock, highWaterMark, pages, query, durability, after);
    }

    EventPage next(int limit) throws InterruptedException {
      EventPage page = reader.next(limit, Duration.ZERO);
      page.events().forEach(event -> positions.add(event.position().value()));
      return page;
    }

    void readOn(int limit) throws InterruptedException {
      EventPage page = next(limit);
      while (page.upTo().value() < mark) {
        page = next(limit);
      }
    }

    List<Long> positions() {
      return positions;
    }

    List<Long> wanted() {
      return LongStream.rangeClosed(after + 1, mark)
          .filter(position -> query.matches(event(position)))
          .boxed()
          .toList();
    }
  }

  /** All that was drawn is settled. */
  private final class LastPosition implements FenceView {

    @Override
    public Observation observe(FenceFunction fence) {
      return new Observation(mark, mark, INCARNATION, List.of());
    }

    @Override
    public List<Observation> observeAll(List<FenceFunction> fences) {
      return fences.stream().map(this::observe).toList();
    }

    @Override
    public long settled(FenceFunction fence) {
      return 0;
    }

    @Override
    public void release() {}
  }
}
