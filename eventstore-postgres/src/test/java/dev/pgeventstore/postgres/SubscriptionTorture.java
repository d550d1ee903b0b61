package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Writers that append, roll back and poison on one side, three processes that share the
 * subscription of the {@link Ledger} on the other, and in between somebody who kills and pauses
 * processes, kills the server, cuts connections, cures, replays and discards. In the end the ledger
 * must be what the log says, and nothing may have failed.
 */
final class SubscriptionTorture {

  private static final int WRITERS = 5;
  private static final int STREAMS = 40;
  private static final int HOT_STREAMS = 4;
  private static final int NODES = 3;
  private static final int LEASE_MILLIS = 1_000;
  private static final Duration PATIENCE = Duration.ofSeconds(90);

  /** What is done to them. */
  private enum Deed {
    KILL,
    PAUSE,
    CLOSE,
    CRASH,
    CUT_ONE,
    CUT_ALL,
    CURE,
    REPLAY,
    DISCARD,
    REPARTITION
  }

  private final long seed;
  private final Random random;
  private final boolean repartitions;
  private final PostgresServer server;
  private final Database database;
  private final LedgerScene scene;
  private final List<SubscriptionNode> nodes = new ArrayList<>();
  private final List<SubscriptionNode> closing = new ArrayList<>();
  private final Map<SubscriptionNode, Long> resumeAt = new HashMap<>();
  private final Map<Deed, Integer> deeds = new EnumMap<>(Deed.class);
  private final AtomicLong appends = new AtomicLong();
  private final AtomicLong rollbacks = new AtomicLong();
  private volatile boolean writing = true;
  private int partitions = 4;
  private int started;

  private SubscriptionTorture(
      long seed, boolean repartitions, PostgresServer server, LedgerScene scene) {
    this.seed = seed;
    this.random = new Random(seed);
    this.repartitions = repartitions;
    this.server = server;
    this.scene = scene;
    this.database = scene.database;
  }

  /**
   * Runs it once, on a server that may be killed.
   *
   * <p>In every other one the ledger has keys: what is folded shows a wrong order, and rows make
   * nodes wait for each other. In the others nothing but the checkpoint keeps an event from being
   * handled twice.
   *
   * @param repartitions whether the number of partitions is changed in between
   */
  static void run(long seed, Duration time, boolean repartitions, PostgresServer server)
      throws Exception {
    boolean keys = seed % 2 == 0;
    System.out.printf(
        "torture of subscriptions%s, %s keys, seed %d%n",
        repartitions ? " that change their partitions" : "", keys ? "with" : "without", seed);
    Database database = server.createDatabase();
    try (LedgerScene scene = keys ? LedgerScene.of(database) : LedgerScene.withoutKeys(database)) {
      SubscriptionTorture torture = new SubscriptionTorture(seed, repartitions, server, scene);
      ExecutorService writers = Executors.newFixedThreadPool(WRITERS);
      try {
        torture.run(time, writers);
      } catch (Throwable e) {
        torture.tellWhatNodesSaid();
        throw e;
      } finally {
        torture.writing = false;
        writers.shutdownNow();
      }
    }
  }

  private void run(Duration time, ExecutorService writers) throws Exception {
    append(StreamId.of(Ledger.CATEGORY, "9"), Ledger.POISON);
    List<Future<?>> writing = new ArrayList<>();
    for (int w = 0; w < WRITERS; w++) {
      Random choices = new Random(seed * 1_000 + w);
      writing.add(
          writers.submit(
              () -> {
                write(choices);
                return null;
              }));
    }
    for (int n = 0; n < NODES; n++) {
      nodes.add(startNode());
    }
    nodes.forEach(SubscriptionNode::awaitStarted);
    long began = System.nanoTime();
    long end = began + time.toNanos();
    while (System.nanoTime() < end) {
      // Chooses a moment; nothing is waited for.
      Thread.sleep(random.nextInt(250));
      int choice = random.nextInt(Deed.values().length + 3);
      perform(choice < Deed.values().length ? Deed.values()[choice] : Deed.CURE);
      resume(false);
    }
    resume(true);
    this.writing = false;
    for (Future<?> writer : writing) {
      writer.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }
    long over = System.nanoTime();
    finish();
    System.out.printf(
        "  tormented for %d s, then done after %d s%n",
        TimeUnit.NANOSECONDS.toSeconds(over - began),
        TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - over));
  }

  private SubscriptionNode startNode() {
    return scene.process(
        NodeSettings.of("node-" + ++started)
            .withPartitions(partitions)
            .withLease(LEASE_MILLIS)
            .withBatch(1 + random.nextInt(40))
            .withFilter()
            // As often as no process is killed at one event by chance.
            .thatParksAfter(12)
            .thatDawdles(random.nextInt(3_000)));
  }

  /** Does one thing, and waits for no node: a stopped node may delay others. */
  private void perform(Deed deed) throws Exception {
    int which = random.nextInt(nodes.size());
    SubscriptionNode node = nodes.get(which);
    boolean listens = node.hasStarted() && !resumeAt.containsKey(node);
    switch (deed) {
      case KILL -> {
        if (!node.hasStarted()) {
          return;
        }
        node.kill();
        replace(which);
      }
      case PAUSE -> {
        if (resumeAt.containsKey(node)) {
          return;
        }
        node.pause();
        resumeAt.put(
            node, System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(random.nextInt(4_000)));
      }
      case CLOSE -> {
        if (!listens) {
          return;
        }
        node.tell("close");
        closing.add(node);
        replace(which);
      }
      case CRASH -> {
        if (deeds.getOrDefault(deed, 0) > 0 && random.nextInt(4) > 0) {
          return;
        }
        server.killHard();
        server.restart();
        await().atMost(PATIENCE).ignoreExceptions().until(() -> scene.position() != null);
      }
      case CUT_ONE -> cut("order by random() limit 1");
      case CUT_ALL -> cut("");
      case CURE -> {
        if (!listens) {
          return;
        }
        // Not for ever, because then no stream would fail any more.
        scene.store.execute("delete from public.antidotes where random() < 0.5");
        scene.store.execute(
            "insert into public.antidotes select stream_id from eventstore.parked_streams"
                + " where random() < 0.7 on conflict do nothing");
        for (SubscriptionNode other : nodes) {
          if (other.hasStarted() && !resumeAt.containsKey(other)) {
            other.tell("replay");
          }
        }
      }
      case REPLAY -> {
        if (!listens) {
          return;
        }
        node.tell("replay");
      }
      case DISCARD -> {
        Long position = parkedPoison();
        if (position == null || !listens) {
          return;
        }
        node.tell("discard " + position + " tortured");
      }
      case REPARTITION -> {
        if (!repartitions || !listens) {
          return;
        }
        partitions = 1 + random.nextInt(8);
        node.tell("close");
        closing.add(node);
        replace(which);
      }
      default -> throw new IllegalStateException(deed.name());
    }
    deeds.merge(deed, 1, Integer::sum);
  }

  private void replace(int which) {
    resumeAt.remove(nodes.get(which));
    nodes.set(which, startNode());
  }

  private void resume(boolean all) throws Exception {
    for (Map.Entry<SubscriptionNode, Long> paused : List.copyOf(resumeAt.entrySet())) {
      if (all || paused.getValue() - System.nanoTime() <= 0) {
        paused.getKey().resume();
        resumeAt.remove(paused.getKey());
      }
    }
  }

  private void cut(String which) throws SQLException {
    scene.store.query(
        """
        select count(pg_terminate_backend(pid))
          from (select pid from pg_stat_activity where application_name like 'node-%%' %s) as n
        """
            .formatted(which));
  }

  private @Nullable Long parkedPoison() throws SQLException {
    String position =
        one(
            """
            select p.position from eventstore.parked_events p
              join eventstore.events e using (position)
             where e.type = 'poison' order by random() limit 1
            """);
    return position == null ? null : Long.valueOf(position);
  }

  private @Nullable String one(String sql) throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      return row.next() ? row.getString(1) : null;
    }
  }

  /** All nodes go on undisturbed, what is parked comes back, and the books are checked. */
  private void finish() throws Exception {
    AppendResult last = null;
    for (int stream = 0; stream < STREAMS; stream++) {
      last = append(StreamId.of(Ledger.CATEGORY, "" + stream), "happened");
    }
    long began = System.nanoTime();
    scene.awaitHandled(last.position(), PATIENCE);
    long handled = System.nanoTime();
    for (SubscriptionNode node : closing) {
      node.awaitEnd();
    }
    nodes.forEach(SubscriptionNode::awaitStarted);
    List<String> beforeReplay = Ledger.violations(database, repartitions ? 0 : 4, true);
    long parked = scene.parked();
    Ledger.cure(database, "*");
    // What fails once in each process does so here too.
    await("replay, seed " + seed)
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(nodes.get(0).replay()).endsWith(" 0"));
    System.out.printf(
        "  all was handled after %d ms, and replayed after %d ms more%n",
        TimeUnit.NANOSECONDS.toMillis(handled - began),
        TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - handled));
    System.out.printf(
        "  %d appends, %d rolled back, %s events handled, %s parked, %s discarded,"
            + " %d parked in the end; %s%n",
        appends.get(),
        rollbacks.get(),
        scene.store.query("select count(*) from public.handled"),
        scene.store.query("select count(*) from public.parkings"),
        scene.store.query("select count(*) from eventstore.discarded_events"),
        parked,
        deeds);
    assertThat(beforeReplay).as("before the last replay, seed %d", seed).isEmpty();
    assertThat(Ledger.violations(database, repartitions ? 0 : 4, true))
        .as("seed %d", seed)
        .isEmpty();
    assertThat(scene.parked()).as("parked, seed %d", seed).isZero();
    for (SubscriptionNode node : nodes) {
      Map<String, String> status = node.status();
      assertThat(status.get("state")).as("%s, seed %d", status, seed).isIn("RUNNING", "WAITING");
    }
    assertThat(appends).as("appends, seed %d", seed).hasPositiveValue();
    assertThat(Integer.parseInt(scene.store.query("select count(*) from public.parkings")))
        .as("parked ever, seed %d", seed)
        .isPositive();
  }

  private void tellWhatNodesSaid() {
    System.out.println("seed " + seed + ": " + deeds);
    for (SubscriptionNode node : nodes) {
      List<String> lines = node.lines();
      System.out.printf(
          "%s (%s): %s%n",
          node.name(),
          node.isRunning() ? "runs" : "has ended",
          String.join("\n    ", lines.subList(Math.max(0, lines.size() - 40), lines.size())));
    }
    try {
      System.out.println(
          one("select string_agg(s::text, E'\\n') from eventstore.subscriptions as s"));
      System.out.println(one("select string_agg(l::text, E'\\n') from eventstore.leases as l"));
      System.out.println(
          one("select string_agg(s::text, E'\\n') from eventstore.subscription_members as s"));
    } catch (SQLException e) {
      System.out.println("  the server does not answer: " + e.getMessage());
    }
  }

  private void write(Random choices) throws Exception {
    while (writing) {
      try {
        int what = choices.nextInt(10);
        if (what < 4) {
          StreamId stream = stream(choices);
          append(stream, type(stream, choices));
        } else if (what < 6) {
          appendToSeveral(choices);
        } else {
          appendInTransaction(choices);
        }
        appends.incrementAndGet();
        Thread.sleep(choices.nextInt(8));
      } catch (EventStoreException | SQLException e) {
        // The server is gone, or there was a deadlock: whatever was written is in the log.
        Thread.sleep(20);
      }
    }
  }

  private static StreamId stream(Random choices) {
    // Some are written to all the time, and others hardly ever.
    int stream = choices.nextInt(choices.nextBoolean() ? STREAMS : HOT_STREAMS);
    return StreamId.of(choices.nextInt(4) == 0 ? "noise" : Ledger.CATEGORY, "" + stream);
  }

  private static String type(StreamId stream, Random choices) {
    // Where half of all events are, parking them would keep everybody from doing anything else.
    boolean hot = Integer.parseInt(stream.key()) < HOT_STREAMS;
    return switch (hot ? 2 : choices.nextInt(150)) {
      case 0 -> Ledger.POISON;
      case 1 -> Ledger.FLAKY;
      default -> "happened";
    };
  }

  private AppendResult append(StreamId stream, String... types) {
    return scene.store.store.append(stream, ExpectedVersion.any(), events(types));
  }

  private static List<NewEvent> events(String... types) {
    return Arrays.stream(types).map(t -> NewEvent.of(EncodedEvent.of(t, 1, "{}"))).toList();
  }

  private static Append several(Random choices) {
    StreamId first = stream(choices);
    Append append = Append.to(first, ExpectedVersion.any(), events(type(first, choices)));
    for (int i = choices.nextInt(3); i >= 0; i--) {
      StreamId stream = stream(choices);
      if (!append.events().containsKey(stream)) {
        append =
            append.and(
                stream,
                ExpectedVersion.any(),
                events(type(stream, choices), type(stream, choices)));
      }
    }
    return append;
  }

  private void appendToSeveral(Random choices) {
    scene.store.store.append(several(choices));
  }

  /** Commits later than others that began after it, or never. */
  private void appendInTransaction(Random choices) throws Exception {
    try (Connection connection = scene.store.begin()) {
      scene.store.store.within(connection).append(several(choices));
      TimeUnit.MICROSECONDS.sleep(choices.nextInt(15_000));
      if (choices.nextInt(4) == 0) {
        connection.rollback();
        rollbacks.incrementAndGet();
      } else {
        connection.commit();
      }
    }
  }
}
