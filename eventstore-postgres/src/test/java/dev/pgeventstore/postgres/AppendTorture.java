package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventIdReusedException;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.AppendHistory.Told;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Threads that append through two stores, in every way there is, to few streams and many: with
 * right expectations and stale ones, to several streams, without waiting, in transactions of their
 * own, again with the same ids, and what cannot be stored. In the end the {@link AppendHistory}
 * must fit.
 */
final class AppendTorture {

  private static final int HOT_STREAMS = 4;
  private static final int COLD_STREAMS = 300;
  private static final long PATIENCE_SECONDS = 120;

  private final long seed;
  private final Database database;
  private final List<TestStore> stores;
  private final HikariDataSource transactions;
  private final AppendHistory history;
  private final Map<StreamId, Long> versions = new ConcurrentHashMap<>();
  private final Appending appending;
  private final boolean serverIsKilled;
  private volatile boolean over;

  private AppendTorture(
      long seed,
      Database database,
      List<TestStore> stores,
      Appending appending,
      boolean serverIsKilled) {
    this.seed = seed;
    this.database = database;
    this.stores = stores;
    this.history = new AppendHistory(appending.isGrouped());
    this.appending = appending;
    this.serverIsKilled = serverIsKilled;
    HikariConfig config = new HikariConfig();
    config.setDataSource(database.dataSource());
    config.setMaximumPoolSize(10);
    config.setMinimumIdle(0);
    config.setAutoCommit(false);
    this.transactions = new HikariDataSource(config);
  }

  /** Each thread does so many things. */
  static void run(long seed, Database database, Appending appending, int threads, int deeds)
      throws Exception {
    run(seed, database, appending, false, torture -> torture.torment(threads, deeds));
  }

  /** Until the server was killed so many times. */
  static void runAndKill(
      long seed, PostgresServer server, Appending appending, int threads, int kills)
      throws Exception {
    run(
        seed,
        server.createDatabase(),
        appending,
        true,
        torture -> torture.tormentAndKill(server, threads, kills));
  }

  private interface Run {
    void of(AppendTorture torture) throws Exception;
  }

  private static void run(
      long seed, Database database, Appending appending, boolean serverIsKilled, Run run)
      throws Exception {
    System.out.printf("torture of appends, %s, seed %d%n", appending, seed);
    // Deadlocks are a part of it, and waiting a second for each takes too long.
    try (Connection connection = database.open()) {
      TestStore.execute(
          connection,
          "alter database \"%s\" set deadlock_timeout = '30ms'".formatted(connection.getCatalog()));
    }
    try (TestStore store = new TestStore(database, 20, appending::apply);
        TestStore second = new TestStore(database, 10, appending::apply)) {
      AppendTorture torture =
          new AppendTorture(seed, database, List.of(store, second), appending, serverIsKilled);
      try {
        run.of(torture);
      } finally {
        torture.transactions.close();
      }
      torture.history.check(database, "seed " + seed);
      torture.checkThatMuchHasHappened();
      assertThat(store.settled()).hasSameSizeAs(AppendHistory.stored(database));
    }
  }

  private void checkThatMuchHasHappened() {
    System.out.printf(
        "  %d written, %d conflicts, %d reused, %d refused, %d rolled back, %d unknown%n",
        history.count(Told.WRITTEN),
        history.count(Told.CONFLICT),
        history.count(Told.REUSED),
        history.count(Told.REFUSED),
        history.count(Told.ROLLED_BACK),
        history.count(Told.UNKNOWN));
    for (Told told : Told.values()) {
      if (told != Told.UNKNOWN) {
        assertThat(history.count(told)).as("%s, seed %d", told, seed).isPositive();
      }
    }
  }

  private void torment(int threads, int deeds) throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    try {
      List<Future<?>> tormentors = start(executor, threads, deeds);
      await(tormentors);
    } finally {
      executor.shutdownNow();
    }
  }

  private void tormentAndKill(PostgresServer server, int threads, int kills) throws Exception {
    Random random = new Random(seed);
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    try {
      List<Future<?>> tormentors = start(executor, threads, Integer.MAX_VALUE);
      for (int i = 0; i < kills; i++) {
        writtenOnes(random.nextInt(200) + 150);
        server.killHard();
        server.restart();
      }
      writtenOnes(100);
      over = true;
      await(tormentors);
    } finally {
      over = true;
      executor.shutdownNow();
    }
  }

  /** Waits until so many more appends were written. */
  private void writtenOnes(int more) {
    long enough = history.count(Told.WRITTEN) + more;
    org.awaitility.Awaitility.await()
        .atMost(Duration.ofSeconds(60))
        .pollInterval(Duration.ofMillis(10))
        .until(() -> history.count(Told.WRITTEN) >= enough);
  }

  private List<Future<?>> start(ExecutorService executor, int threads, int deeds) {
    List<Future<?>> tormentors = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      Random random = new Random(seed * 1_000 + t);
      tormentors.add(
          executor.submit(
              () -> {
                new Tormentor(random, stores.get(random.nextInt(2)).store).go(deeds);
                return null;
              }));
    }
    return tormentors;
  }

  private static void await(List<Future<?>> tormentors) throws Exception {
    for (Future<?> tormentor : tormentors) {
      tormentor.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }
  }

  /** One thread. */
  private final class Tormentor {
    private final Random random;
    private final PostgresEventStore store;
    private final List<Append> done = new ArrayList<>();

    Tormentor(Random random, PostgresEventStore store) {
      this.random = random;
      this.store = store;
    }

    void go(int deeds) throws Exception {
      for (int i = 0; i < deeds && !over; i++) {
        int deed = random.nextInt(100);
        if (deed < 35) {
          append(toOne(stream()));
        } else if (deed < 50) {
          append(toSeveral());
        } else if (deed < 65) {
          pipeline();
        } else if (deed < 80) {
          transaction();
        } else if (deed < 88) {
          again();
        } else if (deed < 94) {
          reuse();
        } else {
          bad();
        }
      }
    }

    private StreamId stream() {
      return random.nextBoolean()
          ? StreamId.of("hot", "" + random.nextInt(HOT_STREAMS))
          : StreamId.of("cold", "" + random.nextInt(COLD_STREAMS));
    }

    private ExpectedVersion expected(StreamId stream) {
      long version = versions.getOrDefault(stream, 0L);
      return switch (random.nextInt(10)) {
        case 0, 1, 2 -> ExpectedVersion.any();
        case 3 -> ExpectedVersion.streamExists();
        case 4 -> ExpectedVersion.noStream();
        case 5 -> ExpectedVersion.exactly(Math.max(0, version - 1 - random.nextInt(3)));
        case 6 -> ExpectedVersion.exactly(version + 1 + random.nextInt(3));
        default -> ExpectedVersion.exactly(version);
      };
    }

    /** With ids of the caller's, so that any retry is recognised, or without. */
    private List<NewEvent> events() {
      boolean known = serverIsKilled || random.nextInt(3) > 0;
      return Stream.generate(() -> UUID.nameUUIDFromBytes(bytes()))
          .limit(1 + random.nextInt(3))
          .map(id -> known ? NewEvent.of(content(id)).withId(id) : NewEvent.of(content(id)))
          .toList();
    }

    private byte[] bytes() {
      byte[] bytes = new byte[16];
      random.nextBytes(bytes);
      return bytes;
    }

    private EncodedEvent content(UUID id) {
      String filler = random.nextInt(50) == 0 ? "x".repeat(20_000) : "x";
      return EncodedEvent.of(
          "t" + random.nextInt(5), 1, "{\"id\":\"%s\", \"filler\":\"%s\"}".formatted(id, filler));
    }

    private Append toOne(StreamId stream) {
      return Append.to(stream, expected(stream), events());
    }

    private Append toSeveral() {
      Set<StreamId> streams = new LinkedHashSet<>();
      for (int i = 1 + random.nextInt(4); i >= 0; i--) {
        streams.add(stream());
      }
      Append append = null;
      for (StreamId stream : streams) {
        if (append == null) {
          append = toOne(stream);
        } else if (random.nextInt(3) == 0) {
          append = append.check(stream, expected(stream));
        } else {
          append = append.and(stream, expected(stream), events());
        }
      }
      return append;
    }

    private void append(Append append) throws InterruptedException {
      try {
        learn(append, tryUntilKnown(append));
      } catch (ConflictException e) {
        learn(e);
      } catch (EventStoreException e) {
        unlessKilled(e);
      }
    }

    /** After a lost response the append is retried with the same ids, until a response arrives. */
    private AppendResult tryUntilKnown(Append append) throws InterruptedException {
      for (int attempt = 1; ; attempt++) {
        try {
          return history.append(store, append);
        } catch (OutcomeUnknownException e) {
          retryUnlessTooOften(attempt, e);
        }
      }
    }

    private void retryUnlessTooOften(int attempt, OutcomeUnknownException e)
        throws InterruptedException {
      unlessKilled(e);
      if (attempt == 1_000) {
        throw e;
      }
      Thread.sleep(10);
    }

    private void unlessKilled(EventStoreException e) {
      if (!serverIsKilled && !(isDeadlock(e) && !appending.isGrouped())) {
        fail("an append in a transaction of its own failed, seed " + seed, e);
      }
    }

    private void learn(Append append, AppendResult result) {
      versions.putAll(result.versions());
      if (append.events().values().stream().flatMap(List::stream).allMatch(NewEvent::idSupplied)) {
        done.add(append);
      }
    }

    private void learn(ConflictException e) {
      e.streams().forEach(conflict -> versions.put(conflict.stream(), conflict.actual()));
    }

    /** Many at once, of which some build on those before. */
    private void pipeline() throws Exception {
      StreamId stream = stream();
      long version = versions.getOrDefault(stream, 0L);
      Map<Append, CompletableFuture<AppendResult>> answers = new java.util.LinkedHashMap<>();
      for (int i = 2 + random.nextInt(8); i >= 0; i--) {
        Append append;
        if (random.nextInt(3) == 0) {
          append = toOne(stream());
        } else if (random.nextInt(6) == 0) {
          append = toSeveral();
        } else {
          List<NewEvent> events = events();
          append = Append.to(stream, ExpectedVersion.exactly(version), events);
          version += events.size();
        }
        answers.put(append, history.appendAsync(store, append));
      }
      for (Map.Entry<Append, CompletableFuture<AppendResult>> answer : answers.entrySet()) {
        try {
          learn(answer.getKey(), answer.getValue().get(PATIENCE_SECONDS, TimeUnit.SECONDS));
        } catch (ExecutionException e) {
          Throwable cause = AppendHistory.unwrapped(e.getCause());
          if (cause instanceof ConflictException conflict) {
            learn(conflict);
          } else if (cause instanceof OutcomeUnknownException unknown) {
            unlessKilled(unknown);
            append(answer.getKey());
          } else if (cause instanceof EventStoreException other) {
            unlessKilled(other);
          } else {
            throw e;
          }
        }
      }
    }

    private void transaction() throws Exception {
      AppendHistory.Transaction transaction = null;
      List<Append> appends = new ArrayList<>();
      for (int i = random.nextInt(3); i >= 0; i--) {
        appends.add(random.nextInt(3) == 0 ? toSeveral() : toOne(stream()));
      }
      boolean sure = false;
      try (Connection connection = transactions.getConnection()) {
        transaction = history.within(store, connection);
        try {
          for (Append append : appends) {
            appendWithin(transaction, append);
          }
        } catch (EventStoreException e) {
          requireDeadlock(e);
          connection.rollback();
          transaction.rolledBack();
          sure = true;
          return;
        }
        if (random.nextInt(3) == 0) {
          connection.rollback();
          transaction.rolledBack();
        } else {
          connection.commit();
          transaction.committed();
        }
        sure = true;
      } catch (SQLException e) {
        if (!serverIsKilled) {
          throw e;
        }
      }
      if (!sure && transaction != null) {
        for (Append append : transaction.unknown()) {
          append(append);
        }
      }
    }

    private void appendWithin(AppendHistory.Transaction transaction, Append append) {
      try {
        transaction.append(append);
      } catch (ConflictException e) {
        // The transaction goes on.
      }
    }

    private void requireDeadlock(EventStoreException e) {
      if (!serverIsKilled && !isDeadlock(e)) {
        throw e;
      }
    }

    private boolean isDeadlock(EventStoreException e) {
      return e.getCause() instanceof SQLException sql && "40P01".equals(sql.getSQLState());
    }

    /** Some earlier append of this thread, which was written. */
    private @Nullable Append earlier() {
      return done.isEmpty() ? null : done.get(random.nextInt(done.size()));
    }

    private void again() throws InterruptedException {
      Append append = earlier();
      if (append != null) {
        append(append);
      }
    }

    /** The ids of what was written, with other content. */
    private void reuse() throws InterruptedException {
      Append append = earlier();
      if (append == null) {
        return;
      }
      Map.Entry<StreamId, List<NewEvent>> of = append.events().entrySet().iterator().next();
      List<NewEvent> events = new ArrayList<>(of.getValue());
      events.replaceAll(
          event -> NewEvent.of(EncodedEvent.of("other", 1, "{\"other\":true}")).withId(event.id()));
      Collections.shuffle(events, random);
      try {
        AppendResult result = tryUntilKnown(Append.to(of.getKey(), ExpectedVersion.any(), events));
        fail("ids of %s were written again, seed %d: %s", append, seed, result);
      } catch (EventIdReusedException e) {
        assertThat(e.stream()).isEqualTo(of.getKey());
      } catch (EventStoreException e) {
        unlessKilled(e);
      }
    }

    /** An invalid append, beside valid ones. */
    private void bad() throws Exception {
      Object payload =
          switch (random.nextInt(4)) {
            case 0 -> "no event";
            case 1 -> EncodedEvent.of("bad", 1, "{nope");
            case 2 -> EncodedEvent.of("bad", 1, "\"\\u0000\"");
            default -> EncodedEvent.of("bad", 1, '"' + "x".repeat(900 * 1024) + '"');
          };
      List<NewEvent> events = new ArrayList<>(events());
      events.add(NewEvent.of(payload).withId(UUID.nameUUIDFromBytes(bytes())));
      Append append = Append.to(stream(), ExpectedVersion.any(), events);
      try {
        if (random.nextBoolean()) {
          history.append(store, append);
        } else {
          history.appendAsync(store, append).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        }
        fail("%s was not refused, seed %d", append, seed);
      } catch (IllegalArgumentException e) {
        assertThat(e).hasMessageContaining("event " + events.size());
      } catch (ExecutionException e) {
        assertThat(AppendHistory.unwrapped(e.getCause()))
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
  }
}
