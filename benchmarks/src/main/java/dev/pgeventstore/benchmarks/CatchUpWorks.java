package dev.pgeventstore.benchmarks;

import com.fasterxml.jackson.databind.ObjectReader;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.ImportedEvent;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.LongStream;

/**
 * Reads the whole log. The limit is plain JDBC, page by page, without parsing the JSON, and with
 * every event's JSON parsed by the same Jackson reader.
 */
final class CatchUpWorks implements Works {

  private static final int PAGE = 1_000;
  private static final int STREAMS_IN_TURN = 20;
  private static final int EVENTS_PER_STREAM = 5;

  private final Stage stage;
  private final int events;
  private final ObjectReader parcels = JacksonCodec.newMapper().readerFor(Parcel.class);
  private final AtomicInteger names = new AtomicInteger();

  CatchUpWorks(Stage stage, Options options) {
    this.stage = stage;
    this.events = options.events();
  }

  /** Adjacent events in the log belong to many streams, as if many users had written them. */
  @Override
  public void prepare() throws Exception {
    stage
        .store()
        .importer()
        .run(
            LongStream.range(0, events)
                .mapToObj(number -> ImportedEvent.of(stream(number), Parcel.number(number))));
    stage.fillPlainTable();
  }

  /** The stream of an event: twenty streams take turns until they are full. */
  private static StreamId stream(long number) {
    long group = number / (STREAMS_IN_TURN * EVENTS_PER_STREAM);
    return StreamId.of("parcel", group + "-" + number % STREAMS_IN_TURN);
  }

  @Override
  public List<Work> all() {
    return List.of(
        Work.of("catch-up, raw", () -> ours(event -> {}), () -> limit(row -> {})),
        Work.of(
            "catch-up, decoded",
            () -> ours(RecordedEvent::payload),
            () -> limit(row -> parcels.readValue(row.data()))),
        Work.of(
            "catch-up, subscription, raw", () -> subscription(event -> {}), () -> limit(row -> {})),
        Work.of(
            "catch-up, subscription, decoded",
            () -> subscription(RecordedEvent::payload),
            () -> limit(row -> parcels.readValue(row.data()))));
  }

  private Figures ours(Consumer<RecordedEvent> consumer) {
    long started = System.nanoTime();
    int count = 0;
    EventPage page;
    Position after = Position.START;
    do {
      page = stage.store().readPage(after, PAGE);
      page.events().forEach(consumer);
      count += page.events().size();
      after = page.upTo();
    } while (!page.isLast());
    return figures(count, started);
  }

  private Figures subscription(Consumer<RecordedEvent> consumer) throws Exception {
    AtomicInteger count = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(1);
    long started = System.nanoTime();
    try (Subscription running =
        Subscriptions.of(stage.store())
            .create("catch-up-" + names.incrementAndGet())
            .batchSize(PAGE)
            .handler(
                batch -> {
                  batch.events().forEach(consumer);
                  if (count.addAndGet(batch.events().size()) >= events) {
                    done.countDown();
                  }
                })
            .start()) {
      if (!done.await(10, TimeUnit.MINUTES)) {
        throw new IllegalStateException("not caught up: " + running.status());
      }
      return figures(count.get(), started);
    }
  }

  private Figures limit(PlainTable.RowReader reader) throws Exception {
    long started = System.nanoTime();
    int count = 0;
    try (Connection connection = stage.open();
        PreparedStatement select = PlainTable.selectPage(connection)) {
      long[] last = {0};
      int size;
      do {
        select.setLong(1, last[0]);
        select.setInt(2, PAGE);
        size =
            PlainTable.read(
                select,
                row -> {
                  reader.read(row);
                  last[0] = row.position();
                });
        count += size;
      } while (size == PAGE);
    }
    return figures(count, started);
  }

  private Figures figures(int count, long started) {
    if (count != events) {
      throw new IllegalStateException("read %d of %d events".formatted(count, events));
    }
    return Figures.perSecond("events", count, System.nanoTime() - started);
  }
}
