package dev.pgeventstore.examples.visits;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.visits.VisitEvent.Visited;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.ProjectionProgress;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import javax.sql.DataSource;

/**
 * How is a view rebuilt for a new requirement, without downtime? Visits of pages are counted in a
 * table. Then a new requirement asks how many of them were by machines. A second version is built
 * from all visits beside the first, while pages are visited and the table is read. Then it replaces
 * the first.
 *
 * <p>It starts its own PostgreSQL server, and removes it when it ends.
 */
public final class VisitCounter {

  private static final int VISITS = 50_000;
  private static final int IN_ONE_APPEND = 500;
  private static final int PAGES = 20;
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final DataSource database;
  private final EventStore store;
  private final Consumer<String> tell;

  VisitCounter(DataSource database, EventStore store, Consumer<String> tell) {
    this.database = database;
    this.store = store;
    this.tell = tell;
  }

  /**
   * Runs the example.
   *
   * @param arguments the number of visits before the rebuild, {@value #VISITS} if there is none
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    int visits = arguments.length == 0 ? VISITS : Integer.parseInt(arguments[0]);
    try (PostgresServer server = PostgresServer.start();
        HikariDataSource pool = Pools.of(server.createDatabase().url(), 12);
        EventStore store = store(pool)) {
      new VisitCounter(pool, store, System.out::println).run(visits);
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(VisitEvent.class)))
        .build();
  }

  Outcome run(int visits) throws Exception {
    for (int first = 0; first < visits; first += IN_ONE_APPEND) {
      visit(first, Math.min(IN_ONE_APPEND, visits - first));
    }
    tell.accept("%,d visits of %d pages.".formatted(visits, PAGES));
    ExecutorService threads = Executors.newFixedThreadPool(2);
    AtomicBoolean open = new AtomicBoolean(true);
    Reader reader = new Reader(database);
    try (Projection first = firstVersion()) {
      Future<Long> visitors = threads.submit(() -> visitWhile(open));
      Future<Reader.Looks> looking = threads.submit(reader);

      rebuild(first);

      open.set(false);
      long more = visitors.get(1, TimeUnit.MINUTES);
      try (Projection second = secondVersion()) {
        AppendResult last = visit(0, 1);
        second.awaitApplied(last, PATIENCE);
      }
      reader.stop();
      Reader.Looks looks = looking.get(1, TimeUnit.MINUTES);
      tell.accept(
          "Meanwhile %,d more came. The view was read %,d times, and never went back."
              .formatted(more, looks.number()));
      return outcome(visits + more + 1, looks);
    } finally {
      open.set(false);
      reader.stop();
      threads.shutdown();
    }
  }

  private Projection firstVersion() throws TimeoutException, InterruptedException {
    Projection first =
        Projections.of(store)
            .create("visits", 1)
            .category("page")
            .definition(new VisitCounts())
            .start();
    first.promote(PATIENCE);
    tell.accept("Version 1 counts them, in the view `visits`.");
    return first;
  }

  private Projection secondVersion() {
    return Projections.of(store)
        .create("visits", 2)
        .category("page")
        .definition(new VisitCountsWithBots())
        .start();
  }

  private void rebuild(Projection first) throws TimeoutException, InterruptedException {
    // tag::rebuild[]
    try (Projection second =
        Projections.of(store)
            .create("visits", 2)
            .category("page")
            .definition(new VisitCountsWithBots())
            .start()) {
      ProjectionProgress progress = second.progress(); // position, speed, time left
      tell.accept("Version 2 is at %.0f %%.".formatted(100 * progress.done()));

      second.promote(Duration.ofMinutes(2)); // once it has reached version 1
      first.drop();
    }
    // end::rebuild[]
    tell.accept("Version 2 has taken its place, and version 1 is gone.");
  }

  private AppendResult visit(int first, int number) {
    List<Visited> some =
        IntStream.range(first, first + number).mapToObj(i -> new Visited(i % 10 == 0)).toList();
    StreamId page = StreamId.of("page", Integer.toString(first / IN_ONE_APPEND % PAGES));
    return store.append(page, ExpectedVersion.any(), some);
  }

  private long visitWhile(AtomicBoolean open) {
    long visits = 0;
    while (open.get()) {
      visit((int) (visits % PAGES) * IN_ONE_APPEND + 1, 1);
      visits++;
    }
    return visits;
  }

  private Outcome outcome(long visits, Reader.Looks looks) throws SQLException {
    try (Connection connection = database.getConnection();
        PreparedStatement all =
            connection.prepareStatement(
                "select sum(visits), sum(bots), to_regclass('public.visits_v1') is null"
                    + " from public.visits");
        ResultSet row = all.executeQuery()) {
      row.next();
      tell.accept("%,d visits, %,d of them by machines.".formatted(row.getLong(1), row.getLong(2)));
      return new Outcome(visits, row.getLong(1), row.getLong(2), row.getBoolean(3), looks);
    }
  }

  /** The number of visits, the final content of the view, and what its reader has seen. */
  record Outcome(long visits, long counted, long bots, boolean firstIsGone, Reader.Looks looks) {}
}
