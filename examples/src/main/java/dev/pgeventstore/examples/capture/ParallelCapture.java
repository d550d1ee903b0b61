package dev.pgeventstore.examples.capture;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.processes.ChildProcess;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * Several processes write in parallel, without a common lock, and their transactions end in any
 * order. Do readers miss anything meanwhile?
 *
 * <p>It starts its own PostgreSQL server, and removes it when it ends.
 */
public final class ParallelCapture {

  static final StreamId END = StreamId.of("shared", "end");

  private static final Duration PATIENCE = Duration.ofSeconds(180);

  private final String url;
  private final EventStore store;
  private final Consumer<String> tell;

  ParallelCapture(String url, EventStore store, Consumer<String> tell) {
    this.url = url;
    this.store = store;
    this.tell = tell;
  }

  /**
   * Runs the example.
   *
   * @param arguments none
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      String url = server.createDatabase().url();
      try (HikariDataSource pool = Pools.of(url, 12);
          EventStore store = store(pool)) {
        new ParallelCapture(url, store, System.out::println).run(3, 500);
      }
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(Measured.class)))
        .build();
  }

  /** Lets processes write while readers read. Returns the findings of each reader, by its name. */
  Map<String, Audit.Findings> run(int processes, int appends) throws Exception {
    Map<String, Audit> readers = new TreeMap<>();
    List<String> names = List.of("all", "all, a few at a time", "own sensors", "all, unnamed");
    names.forEach(name -> readers.put(name, new Audit()));
    Subscriptions subscriptions = Subscriptions.of(store);
    try (Subscription all =
            subscriptions
                .create("all")
                .handler(batch -> readers.get("all").look(batch.events()))
                .start();
        Subscription few =
            subscriptions
                .create("a-few-at-a-time")
                .batchSize(7)
                .handler(batch -> readers.get("all, a few at a time").look(batch.events()))
                .start();
        Subscription own =
            subscriptions
                .create("own-sensors")
                .category("sensor")
                .handler(batch -> readers.get("own sensors").look(batch.events()))
                .start();
        Follower unnamed =
            subscriptions
                .follow(EventQuery.all())
                .handler(readers.get("all, unnamed")::look)
                .start()) {
      capture(processes, appends);
      AppendResult last =
          store.append(END, ExpectedVersion.noStream(), List.of(new Measured(0, 0)));
      for (Subscription subscription : List.of(all, few, own)) {
        subscription.awaitApplied(last, PATIENCE);
      }
      unnamed.awaitApplied(last, PATIENCE);
    }
    Map<String, Audit.Findings> findings = new TreeMap<>();
    readers.forEach((name, audit) -> findings.put(name, audit.findings()));
    findings.forEach(
        (name, found) ->
            tell.accept(
                "%s: %,d events in %d streams; %d stood in the wrong place"
                    .formatted(name, found.events(), found.versions().size(), found.flaws())));
    return findings;
  }

  private void capture(int processes, int appends) throws Exception {
    List<ChildProcess> running = new ArrayList<>();
    try {
      for (int process = 1; process <= processes; process++) {
        running.add(
            ChildProcess.start(
                CaptureProcess.class, url, Integer.toString(process), Integer.toString(appends)));
      }
      for (ChildProcess process : running) {
        process.awaitSuccess(PATIENCE);
      }
    } finally {
      running.forEach(ChildProcess::close);
    }
    tell.accept("%d processes have written.".formatted(processes));
  }
}
