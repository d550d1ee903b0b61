package dev.pgeventstore.postgres.internal.subscribe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.internal.fence.FenceView;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.fence.LoneMark;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.scheduling.TurnedClock;
import dev.pgeventstore.postgres.internal.tables.CheckpointsTable;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import dev.pgeventstore.postgres.internal.tables.LeaseKey;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.StoredEvent;
import dev.pgeventstore.spi.SubscriptionHost;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.Subscriptions;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What receives something from another part checks it: here the other part lies. */
class BordersTest {

  private static final Mark MARK = new Mark(60, "this incarnation");

  private final TurnedClock clock = TurnedClock.standing(0);
  private long drawn = 60;
  private final List<Long> advanced = new ArrayList<>();

  @Test
  void there_is_no_page_out_of_order_or_beyond_its_bounds() {
    assertThatCode(() -> page(3, 9, MARK, 4, 7, 9)).doesNotThrowAnyException();
    assertThatThrownBy(() -> page(3, 9, MARK, 3)).hasMessageContaining("position 3 behind");
    assertThatThrownBy(() -> page(3, 9, MARK, 5, 5)).hasMessageContaining("5 behind position 5");
    assertThatThrownBy(() -> page(3, 9, MARK, 10)).hasMessageContaining("the last event at 10");
    assertThatThrownBy(() -> page(3, 3, MARK)).isInstanceOf(InvariantBrokenException.class);
    assertThatThrownBy(() -> page(3, 61, MARK)).hasMessageContaining("below mark 60");
  }

  @Test
  void a_reader_takes_no_page_that_begins_elsewhere_or_is_of_another_incarnation() {
    try (PrefetchingReader gap = reader((after, mark, limit, now) -> page(1, 9, mark, 2));
        PrefetchingReader past =
            reader(
                (after, mark, limit, now) ->
                    page(after, 60, new Mark(60, "another incarnation"), 2))) {
      assertThatThrownBy(() -> gap.next(10, Duration.ZERO))
          .isInstanceOf(InvariantBrokenException.class)
          .hasMessageContaining("behind position 0");
      assertThatThrownBy(() -> past.next(10, Duration.ZERO))
          .isInstanceOf(InvariantBrokenException.class)
          .hasMessageContaining("another incarnation");
    }
  }

  @Test
  void a_mark_below_which_positions_are_drawn_again_is_not_believed() throws SQLException {
    try (LoneMark lone = lone()) {
      HighWaterMark mark = lone.mark();
      mark.observe();
      drawn = 59;

      assertThatThrownBy(mark::observe)
          .isInstanceOf(InvariantBrokenException.class)
          .hasMessageContaining("position 60 was drawn")
          .hasMessageContaining("now 59 is the last");
      Awaitility.await()
          .untilAsserted(
              () ->
                  assertThatThrownBy(
                          () -> mark.await(60, "this incarnation", Duration.ofMillis(50)))
                      .isInstanceOf(InvariantBrokenException.class));
    }
  }

  @Test
  void a_handler_is_given_no_event_at_or_before_the_checkpoint_or_out_of_order()
      throws SQLException {
    LaneTransactions transactions = transactions(checkpoint(20));

    for (List<RecordedEvent> batch :
        List.of(events(20), events(15, 21), events(21, 21), events(22, 21), events(21, 31))) {
      assertThatThrownBy(() -> transactions.apply(batch, 30, MARK, 1))
          .isInstanceOf(InvariantBrokenException.class);
    }
    assertThatThrownBy(() -> transactions.apply(events(21), 61, MARK, 1))
        .isInstanceOf(InvariantBrokenException.class)
        .hasMessageContaining("from 20 to 61, below mark 60");
    assertThat(advanced).isEmpty();
  }

  @Test
  void a_checkpoint_is_not_moved_back_nor_to_where_it_stands() throws SQLException {
    LaneCheckpoint checkpoint = checkpoint(20);

    for (long to : new long[] {19, 20}) {
      assertThatThrownBy(() -> checkpoint.advance(null, to, "this incarnation"))
          .isInstanceOf(InvariantBrokenException.class)
          .hasMessageContaining("partition 2, stands at position 20 and was to be moved to " + to);
    }
    assertThat(advanced).isEmpty();
    checkpoint.advance(null, 21, "this incarnation");
    assertThat(advanced).containsExactly(21L);
  }

  private LaneCheckpoint checkpoint(long position) {
    CheckpointsTable table =
        new CheckpointsTable(new Schema("eventstore")) {
          @Override
          public boolean advance(
              Connection connection,
              Tenure of,
              long from,
              long to,
              String incarnation,
              Duration patience) {
            advanced.add(to);
            return true;
          }
        };
    LaneCheckpoint checkpoint =
        new LaneCheckpoint(
            clock,
            new NoDatabase(),
            table,
            new Tenure(new LeaseKey("view", 2), "owner", 1),
            Duration.ofSeconds(10));
    checkpoint.reached(position);
    return checkpoint;
  }

  private LaneTransactions transactions(LaneCheckpoint checkpoint) {
    return new LaneTransactions(
        clock,
        spec(),
        0,
        new NoDatabase(),
        null,
        null,
        checkpoint,
        new Progress(clock, clock.newLock(), clock.newLock().newCondition()),
        null);
  }

  /** As the builder makes it. */
  private static SubscriptionSpec spec() {
    AtomicReference<SubscriptionSpec> spec = new AtomicReference<>();
    EventStore store =
        (EventStore)
            Proxy.newProxyInstance(
                EventStore.class.getClassLoader(),
                new Class<?>[] {EventStore.class, SubscriptionHost.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("unwrap")) {
                    return Optional.of(proxy);
                  }
                  if (method.getName().equals("start")) {
                    spec.set((SubscriptionSpec) arguments[0]);
                  }
                  return null;
                });
    Subscriptions.of(store).create("view").handler(batch -> {}).start();
    return spec.get();
  }

  private PrefetchingReader reader(SharedPages.Loader loader) {
    SharedPages pages = new SharedPages((query, durability) -> loader, Runnable::run, clock);
    return new PrefetchingReader(
        clock, lone().mark(), pages, EventQuery.all(), Durability.VISIBLE, 0);
  }

  private LoneMark lone() {
    return new LoneMark(clock, new View(), Duration.ofHours(1));
  }

  private static SettledPage page(long from, long upTo, Mark mark, long... positions) {
    return new SettledPage(from, upTo, events(positions), mark, 0);
  }

  private static List<RecordedEvent> events(long... positions) {
    return LongStream.of(positions).mapToObj(BordersTest::event).toList();
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
        JacksonCodec.of(EventTypes.none()));
  }

  private final class View implements FenceView {
    @Override
    public Observation observe(FenceFunction fence) {
      return new Observation(drawn, drawn, "this incarnation", List.of());
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
