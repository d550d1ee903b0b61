package dev.pgeventstore.benchmarks;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.ImportedEvent;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;

/**
 * Builds a read model from the whole log: the number of events of each group of streams, in the
 * same database and in the transaction of the checkpoint. There is nothing to compare this with.
 */
final class ProjectionWorks implements Works {

  private static final int BATCH = 500;
  private static final int GROUPS = 16;
  private static final int STREAMS_IN_TURN = 20;
  private static final int EVENTS_PER_STREAM = 5;

  private static final String COUNT =
      """
      insert into public.counts as c (view, stream_group, events)
      select ?, g - 1, n from unnest(?) with ordinality as t (n, g) where n > 0
          on conflict (view, stream_group) do update set events = c.events + excluded.events
      """;

  private final Stage stage;
  private final int events;
  private final AtomicInteger names = new AtomicInteger();

  ProjectionWorks(Stage stage, Options options) {
    this.stage = stage;
    this.events = options.events();
  }

  @Override
  public void prepare() throws Exception {
    try (Connection connection = stage.open();
        Statement statement = connection.createStatement()) {
      statement.execute(
          """
          create table if not exists public.counts (
            view text, stream_group integer, events bigint, primary key (view, stream_group))
          """);
    }
    stage
        .store()
        .importer()
        .run(
            LongStream.range(0, events)
                .mapToObj(number -> ImportedEvent.of(stream(number), Parcel.number(number))));
    stage.analyze();
  }

  private static StreamId stream(long number) {
    long turn = number / (STREAMS_IN_TURN * EVENTS_PER_STREAM);
    return StreamId.of("parcel", turn + "-" + number % STREAMS_IN_TURN);
  }

  @Override
  public List<Work> all() {
    return List.of(
        Work.of("catch-up, projection, 1 partition", () -> project(1)),
        Work.of("catch-up, projection, 4 partitions", () -> project(4)));
  }

  private Figures project(int partitions) throws Exception {
    AtomicInteger handled = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(1);
    String name = "projection-" + names.incrementAndGet();
    long started = System.nanoTime();
    try (Subscription running =
        Subscriptions.of(stage.store())
            .create(name)
            .batchSize(BATCH)
            .partitions(partitions)
            .handler(
                batch -> {
                  count(name, batch.events(), batch.connection());
                  if (handled.addAndGet(batch.events().size()) >= events) {
                    done.countDown();
                  }
                })
            .start()) {
      if (!done.await(10, TimeUnit.MINUTES)) {
        throw new IllegalStateException("not caught up: " + running.status());
      }
    }
    // By now the last batch is committed, too.
    Figures figures = Figures.perSecond("events", events, System.nanoTime() - started);
    requireAll(name);
    return figures;
  }

  /** Each partition has its own groups, so partitions write different rows. */
  private static void count(String name, List<RecordedEvent> batch, Connection connection)
      throws SQLException {
    Long[] counts = new Long[GROUPS];
    Arrays.fill(counts, 0L);
    for (RecordedEvent event : batch) {
      counts[Partitions.of(event.stream(), GROUPS)]++;
    }
    try (PreparedStatement count = connection.prepareStatement(COUNT)) {
      count.setString(1, name);
      count.setArray(2, connection.createArrayOf("bigint", counts));
      count.executeUpdate();
    }
  }

  private void requireAll(String name) throws SQLException {
    try (Connection connection = stage.open();
        PreparedStatement sum =
            connection.prepareStatement("select sum(events) from public.counts where view = ?")) {
      sum.setString(1, name);
      try (ResultSet row = sum.executeQuery()) {
        row.next();
        if (row.getLong(1) != events) {
          throw new IllegalStateException(
              "counted %d of %d events".formatted(row.getLong(1), events));
        }
      }
    }
  }
}
