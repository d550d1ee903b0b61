package dev.pgeventstore.examples.services;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.processes.ChildProcess;
import dev.pgeventstore.examples.services.UserEvent.LoggedIn;
import dev.pgeventstore.examples.services.UserEvent.Registered;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import javax.sql.DataSource;

/**
 * Account management and activity reporting both need all events of the users. Each service runs on
 * several nodes, one of which handles each event. Then a node is killed.
 *
 * <p>It starts its own PostgreSQL server, and removes it when it ends.
 */
public final class Services {

  static final String ACCOUNTS = "account-management";
  static final String ACTIVITY = "activity-reporting";

  private static final Duration PATIENCE = Duration.ofSeconds(120);
  private static final int USERS = 40;

  private final String url;
  private final DataSource database;
  private final EventStore store;
  private final Consumer<String> tell;

  Services(String url, DataSource database, EventStore store, Consumer<String> tell) {
    this.url = url;
    this.database = database;
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
      try (HikariDataSource pool = Pools.of(url, 10);
          EventStore store = store(pool)) {
        new Services(url, pool, store, System.out::println).run();
      }
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(UserEvent.class)))
        .build();
  }

  Outcome run() throws IOException, SQLException, InterruptedException, TimeoutException {
    Work.createTable(database);
    for (int user = 1; user <= USERS; user++) {
      store.append(user(user), ExpectedVersion.noStream(), List.of(new Registered()));
    }
    try (ChildProcess accounts1 = node(ACCOUNTS, "accounts-1");
        ChildProcess accounts2 = node(ACCOUNTS, "accounts-2");
        ChildProcess activity1 = node(ACTIVITY, "activity-1");
        ChildProcess activity2 = node(ACTIVITY, "activity-2")) {
      Position shared = logInUntilAllNodesWork();
      tell.accept("All nodes have something to do. One of each service handles an event:");
      say(ACCOUNTS);
      say(ACTIVITY);

      accounts1.close();
      Position end = logIn();
      awaitHandled(end);
      tell.accept("accounts-1 was killed, and the other node of its service has taken over:");
      say(ACCOUNTS);

      for (ChildProcess node : List.of(accounts2, activity1, activity2)) {
        node.end(PATIENCE);
      }
      return new Outcome(Work.all(database), shared, end);
    }
  }

  private ChildProcess node(String service, String node) throws IOException {
    return ChildProcess.start(ServiceNode.class, url, service, node);
  }

  private Position logInUntilAllNodesWork()
      throws SQLException, InterruptedException, TimeoutException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      Position last = logIn();
      awaitHandled(last);
      if (nodes(last).size() == 4) {
        return last;
      }
      if (System.nanoTime() > deadline) {
        throw new TimeoutException("only these nodes work: " + nodes(last));
      }
      Thread.sleep(100);
    }
  }

  private Set<String> nodes(Position last) throws SQLException {
    return Work.all(database).stream()
        .filter(item -> item.position() > last.value() - USERS)
        .map(Work.Item::node)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private Position logIn() {
    AppendResult last = null;
    for (int user = 1; user <= USERS; user++) {
      last = store.append(user(user), ExpectedVersion.streamExists(), List.of(new LoggedIn()));
    }
    if (last == null) {
      throw new IllegalStateException("there are no users");
    }
    return last.position();
  }

  /** Polls the status, because the subscriptions run in other processes. */
  private void awaitHandled(Position wanted)
      throws SQLException, InterruptedException, TimeoutException {
    Subscriptions subscriptions = Subscriptions.of(store);
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    for (String service : List.of(ACCOUNTS, ACTIVITY)) {
      while (wanted.isAfter(position(service, subscriptions))) {
        if (System.nanoTime() > deadline) {
          throw new TimeoutException(
              "%s is at %s, not yet at %s"
                  .formatted(service, position(service, subscriptions), wanted));
        }
        Thread.sleep(20);
      }
    }
  }

  private Position position(String service, Subscriptions subscriptions) throws SQLException {
    try (Connection connection = database.getConnection()) {
      return subscriptions.position(service, connection);
    }
  }

  private void say(String service) throws SQLException {
    Map<String, Long> byNode =
        Work.all(database).stream()
            .filter(item -> item.service().equals(service))
            .collect(Collectors.groupingBy(Work.Item::node, TreeMap::new, Collectors.counting()));
    tell.accept("  %-18s %s events".formatted(service, byNode));
  }

  private static StreamId user(int number) {
    return StreamId.of("user", Integer.toString(number));
  }

  /**
   * The results of the run.
   *
   * @param work the work of all nodes
   * @param shared the position up to which all nodes were alive
   * @param end the position of the last event
   */
  record Outcome(List<Work.Item> work, Position shared, Position end) {}
}
