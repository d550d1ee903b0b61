package dev.pgeventstore.benchmarks;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.ImportedEvent;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;

/**
 * Reads a category that has every hundredth event of a log. The limit is not plain JDBC, but the
 * same reading of the whole log.
 */
final class CategoryWorks implements Works {

  private static final int PAGE = 1_000;
  private static final int SHARE = 100;
  private static final int EVENTS_PER_STREAM = 20;
  private static final EventQuery CATEGORY = EventQuery.all().categories("rare");

  private final Stage stage;
  private final int events;
  private final AtomicInteger names = new AtomicInteger();

  CategoryWorks(Stage stage, Options options) {
    this.stage = stage;
    this.events = options.events();
  }

  @Override
  public void prepare() throws Exception {
    stage
        .store()
        .importer()
        .run(
            LongStream.range(0, events)
                .mapToObj(number -> ImportedEvent.of(stream(number), Parcel.number(number))));
    stage.analyze();
  }

  /**
   * The stream of an event: a hundred streams take turns until they are full. The first of them is
   * in the category.
   */
  private static StreamId stream(long number) {
    long place = number % SHARE;
    return StreamId.of(
        place == 0 ? "rare" : "parcel", number / (SHARE * EVENTS_PER_STREAM) + "-" + place);
  }

  @Override
  public List<Work> all() {
    int expected = (events + SHARE - 1) / SHARE;
    return List.of(
        Work.of(
            "catch-up, one category of 1 % : all",
            () -> pages(CATEGORY, expected), () -> pages(EventQuery.all(), events)),
        Work.of(
            "catch-up, subscription, one category of 1 % : all",
            () -> subscription(CATEGORY, expected), () -> subscription(EventQuery.all(), events)));
  }

  private Figures pages(EventQuery query, int expected) {
    long started = System.nanoTime();
    int count = 0;
    Position after = Position.START;
    EventPage page;
    do {
      page = stage.store().readPage(query, after, PAGE);
      count += page.events().size();
      after = page.upTo();
    } while (!page.isLast());
    return figures(count, expected, started);
  }

  private Figures subscription(EventQuery query, int expected) throws Exception {
    AtomicInteger count = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(1);
    long started = System.nanoTime();
    try (Subscription running =
        Subscriptions.of(stage.store())
            .create("category-" + names.incrementAndGet())
            .query(query)
            .batchSize(PAGE)
            .handler(
                batch -> {
                  if (count.addAndGet(batch.events().size()) >= expected) {
                    done.countDown();
                  }
                })
            .start()) {
      if (!done.await(10, TimeUnit.MINUTES)) {
        throw new IllegalStateException("not caught up: " + running.status());
      }
      return figures(count.get(), expected, started);
    }
  }

  private static Figures figures(int count, int expected, long started) {
    if (count != expected) {
      throw new IllegalStateException("read %d of %d events".formatted(count, expected));
    }
    return new Figures(Map.of("ms", (System.nanoTime() - started) / 1e6), count);
  }
}
