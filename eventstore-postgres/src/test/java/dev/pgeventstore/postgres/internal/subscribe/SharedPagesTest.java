package dev.pgeventstore.postgres.internal.subscribe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.scheduling.TurnedClock;
import dev.pgeventstore.postgres.internal.subscribe.SharedPages.Source;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.StoredEvent;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** What is kept of the pages that were read, and for whom. Without a database, and without time. */
class SharedPagesTest {

  private static final String LIFE = "this life";
  private static final Mark MARK = new Mark(1_000_000, LIFE);
  private static final int LIMIT = 10;

  private final TurnedClock clock = TurnedClock.standing(0);
  private final List<Long> readAfter = new ArrayList<>();
  private final List<Runnable> toRead = new ArrayList<>();
  private boolean later;
  private int eventBytes = 2;
  private boolean failing;

  private final SharedPages pages =
      new SharedPages(
          (query, durability) -> this::read,
          work -> {
            if (later) {
              toRead.add(work);
            } else {
              work.run();
            }
          },
          clock);

  private final Source source = pages.open(EventQuery.all(), Durability.VISIBLE);

  /** There is an event at every position. */
  private SettledPage read(long after, Mark mark, int limit, long time) throws SQLException {
    readAfter.add(after);
    if (failing) {
      throw new SQLException("no database");
    }
    long upTo = Math.min(mark.position(), after + limit);
    List<RecordedEvent> events =
        LongStream.rangeClosed(after + 1, upTo).mapToObj(this::event).toList();
    return new SettledPage(after, upTo, events, mark, time);
  }

  private RecordedEvent event(long position) {
    return StoredEvent.of(
        Position.of(position),
        StreamId.of("order", "1"),
        position,
        new UUID(0, position),
        EncodedEvent.of("happened", 1, new byte[eventBytes]),
        null,
        Instant.EPOCH,
        JacksonCodec.of(EventTypes.none()));
  }

  private SettledPage page(long after) throws Exception {
    return source.page(after, MARK, LIMIT).get();
  }

  @Test
  void who_follows_finds_what_was_read_for_another() throws Exception {
    SettledPage first = page(0);

    assertThat(page(0)).isSameAs(first);
    assertThat(readAfter).containsExactly(0L);
  }

  @Test
  void who_is_in_the_middle_of_a_page_finds_the_rest_of_it() throws Exception {
    SettledPage first = page(0);

    assertThat(page(7)).isSameAs(first);
    assertThat(page(10).from()).isEqualTo(10);
    assertThat(readAfter).containsExactly(0L, 10L);
  }

  @Test
  void who_comes_while_a_page_is_being_read_waits_for_it() throws Exception {
    later = true;
    Future<SettledPage> first = source.page(0, MARK, LIMIT);
    Future<SettledPage> same = source.page(0, MARK, LIMIT);
    Future<SettledPage> inTheMiddle = source.page(9, MARK, LIMIT);
    Future<SettledPage> behind = source.page(10, MARK, LIMIT);
    toRead.forEach(Runnable::run);

    assertThat(same.get()).isSameAs(first.get());
    assertThat(inTheMiddle.get()).isSameAs(first.get());
    assertThat(behind.get().from()).isEqualTo(10);
    assertThat(readAfter).containsExactly(0L, 10L);
  }

  @Test
  void pages_that_follow_each_other_come_together() throws Exception {
    SettledPage first = page(0);
    page(10);
    page(20);
    page(40);

    assertThat(source.run(first, 1_000))
        .extracting(SettledPage::from)
        .containsExactly(0L, 10L, 20L);
    assertThat(source.run(first, 11)).extracting(SettledPage::from).containsExactly(0L, 10L);
  }

  @Test
  void a_page_is_given_out_for_some_seconds_only_because_its_events_may_be_erased()
      throws Exception {
    SettledPage first = page(0);
    page(10);
    clock.turn(SharedPages.KEPT_NANOS);
    assertThat(page(0)).isSameAs(first);

    clock.turn(1);

    assertThat(source.isUsable(first, 0, LIFE)).isFalse();
    assertThat(source.run(first, 1_000)).containsExactly(first);
    assertThat(page(0)).isNotSameAs(first);
    assertThat(readAfter).containsExactly(0L, 10L, 0L);
  }

  @Test
  void a_page_of_another_life_of_the_server_is_not_given_out() throws Exception {
    page(0);
    SettledPage next = page(10);
    Mark reborn = new Mark(MARK.position(), "next life");

    SettledPage other = source.page(0, reborn, LIMIT).get();

    assertThat(other.mark()).isEqualTo(reborn);
    assertThat(source.run(other, 1_000)).containsExactly(other);
    assertThat(source.isUsable(next, 10, reborn.incarnation())).isFalse();
  }

  @Test
  void a_page_that_is_being_read_in_another_life_is_not_waited_for() throws Exception {
    later = true;
    Future<SettledPage> old = source.page(0, MARK, LIMIT);
    Future<SettledPage> reborn = source.page(0, new Mark(MARK.position(), "next life"), LIMIT);
    toRead.forEach(Runnable::run);

    assertThat(old.get().mark().incarnation()).isEqualTo(LIFE);
    assertThat(reborn.get().mark().incarnation()).isEqualTo("next life");
  }

  @Test
  void all_pages_together_take_some_megabytes_and_the_oldest_go_first() throws Exception {
    eventBytes = 100_000;
    int pagesThatFit = (int) (SharedPages.MOST_BYTES / page(0).weight());
    Source other = pages.open(EventQuery.all().types("happened"), Durability.VISIBLE);
    Source third = pages.open(EventQuery.all().types("else"), Durability.VISIBLE);
    for (int i = 0; i < pagesThatFit; i++) {
      other.page(LIMIT * (long) i, MARK, LIMIT).get();
    }
    readAfter.clear();
    assertThat(pages.keptBytes()).isLessThanOrEqualTo(SharedPages.MOST_BYTES);

    other.page(0, MARK, LIMIT).get();
    assertThat(readAfter).as("the newest that fit").isEmpty();
    page(0);
    assertThat(readAfter).as("the oldest had to go").containsExactly(0L);

    third.close();
    page(10);
    assertThat(pages.keptBytes())
        .as("for one reader, which has opened two")
        .isLessThanOrEqualTo(SharedPages.MOST_BYTES_FOR_ONE);
  }

  @Test
  void pages_that_are_kept_never_overlap_and_the_last_one_read_stays() throws Exception {
    source.page(20, MARK, 20).get();
    source.page(60, MARK, 20).get();
    SettledPage between = source.page(10, MARK, 15).get();

    assertThat(source.run(between, 1_000)).containsExactly(between);
    assertThat(source.page(24, MARK, 1).get()).isSameAs(between);
    readAfter.clear();
    assertThat(source.page(25, MARK, 40).get().upTo()).as("read afresh").isEqualTo(65);
    source.page(65, MARK, 1).get();
    assertThat(readAfter).containsExactly(25L, 65L);
    assertThat(pages.keptBytes())
        .as("nothing of those that had to go")
        .isEqualTo(
            between.weight()
                + source.page(25, MARK, 1).get().weight()
                + source.page(65, MARK, 1).get().weight());
  }

  @Test
  void a_page_that_takes_more_than_all_may_is_kept_until_the_next() throws Exception {
    eventBytes = (int) SharedPages.MOST_BYTES;
    SettledPage huge = source.page(0, MARK, 1).get();

    assertThat(source.page(0, MARK, 1).get()).isSameAs(huge);
    source.page(1, MARK, 1).get();
    assertThat(source.page(0, MARK, 1).get()).isNotSameAs(huge);
  }

  @Test
  void a_failure_is_told_to_all_who_wait_and_to_nobody_after() throws Exception {
    later = true;
    failing = true;
    Future<SettledPage> first = source.page(0, MARK, LIMIT);
    Future<SettledPage> second = source.page(3, MARK, LIMIT);
    toRead.forEach(Runnable::run);
    assertThatThrownBy(first::get).isInstanceOf(ExecutionException.class);
    assertThatThrownBy(second::get).hasCauseInstanceOf(SQLException.class);
    later = false;
    failing = false;

    assertThat(page(0).upTo()).isEqualTo(LIMIT);
  }

  @Test
  void what_nobody_follows_any_more_is_kept_for_nobody() throws Exception {
    Source second = pages.open(EventQuery.all(), Durability.VISIBLE);
    page(0);
    second.close();
    page(0);
    assertThat(readAfter).hasSize(1);

    later = true;
    source.page(10, MARK, LIMIT);
    source.close();
    toRead.forEach(Runnable::run);
    later = false;
    assertThat(pages.keptBytes()).isZero();
    Source again = pages.open(EventQuery.all(), Durability.VISIBLE);
    again.page(0, MARK, LIMIT).get();
    again.page(10, MARK, LIMIT).get();

    assertThat(readAfter).containsExactly(0L, 10L, 0L, 10L);
  }

  @Test
  void pages_that_need_not_be_flushed_are_not_given_to_those_who_need_that() throws Exception {
    page(0);
    try (Source flushed = pages.open(EventQuery.all(), Durability.FLUSHED)) {
      flushed.page(0, MARK, LIMIT).get();
    }
    assertThat(readAfter).containsExactly(0L, 0L);
  }

  @Test
  void queries_are_counted_as_long_as_one_of_their_readers_is_near_the_mark() {
    Source orders = pages.open(EventQuery.all().categories("order"), Durability.VISIBLE);
    orders.live(true);
    orders.live(true);
    assertThat(orders.othersAreLive()).isFalse();

    source.live(true);
    assertThat(orders.othersAreLive()).isTrue();

    orders.live(false);
    assertThat(source.othersAreLive()).isTrue();
    orders.live(false);
    assertThat(source.othersAreLive()).isFalse();
  }
}
