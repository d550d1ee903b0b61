package dev.pgeventstore.examples.groups;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.groups.Instance.Work;
import dev.pgeventstore.examples.groups.UserEvent.LoggedIn;
import dev.pgeventstore.examples.groups.UserEvent.Registered;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Account management and activity reporting both need all events of the users, from Kafka. Each
 * service has two instances, one of which handles each event. Then one instance is shut down.
 *
 * <p>It starts its own PostgreSQL server and Kafka broker, and removes both when it ends.
 */
public final class ConsumerGroups {

  static final String ACCOUNTS = "account-management";
  static final String ACTIVITY = "activity-reporting";
  static final int USERS = 40;

  /** A group takes a moment to assign its partitions. */
  private static final int MOST_LOGINS = 100;

  private static final Duration PATIENCE = Duration.ofSeconds(120);

  private final EventStore store;
  private final Topic topic;
  private final Consumer<String> tell;
  private final Queue<Work> done = new ConcurrentLinkedQueue<>();
  private int logins;

  ConsumerGroups(EventStore store, Topic topic, Consumer<String> tell) {
    this.store = store;
    this.topic = topic;
    this.tell = tell;
  }

  /**
   * Runs the example.
   *
   * @param arguments none
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    try (PostgresServer server = PostgresServer.start();
        KafkaBroker broker = KafkaBroker.start();
        HikariDataSource pool = Pools.of(server.createDatabase().url(), 6);
        EventStore store = store(pool)) {
      Topic topic = new Topic(broker.bootstrap(), "users").create(4);
      new ConsumerGroups(store, topic, System.out::println).run();
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(UserEvent.class)))
        .build();
  }

  /** Runs the example, and returns the handled events in order. */
  List<Work> run() throws InterruptedException, TimeoutException {
    for (int user = 1; user <= USERS; user++) {
      store.append(user(user), ExpectedVersion.noStream(), List.of(new Registered()));
    }
    try (KafkaRelay relay =
            KafkaRelay.builder(store, topic.client())
                .name(topic.name())
                .topic(topic.name())
                .start();
        Instance accounts1 = Instance.start(topic, ACCOUNTS, "accounts-1", done);
        Instance accounts2 = Instance.start(topic, ACCOUNTS, "accounts-2", done);
        Instance activity1 = Instance.start(topic, ACTIVITY, "activity-1", done);
        Instance activity2 = Instance.start(topic, ACTIVITY, "activity-2", done)) {
      do {
        logIn();
      } while (working().size() < 4 && logins < MOST_LOGINS);
      tell.accept("Every service gets every event, and one of its instances handles it:");
      say();

      accounts1.close();
      logIn();
      tell.accept("accounts-1 is gone, and the other instance of its service has taken over:");
      say();
      return List.copyOf(done);
    }
  }

  private Set<String> working() {
    return done.stream().map(Work::instance).collect(Collectors.toCollection(TreeSet::new));
  }

  /** Every user logs in, and every service handles that. */
  private void logIn() throws InterruptedException, TimeoutException {
    for (int user = 1; user <= USERS; user++) {
      store.append(user(user), ExpectedVersion.streamExists(), List.of(new LoggedIn()));
    }
    logins++;
    await(() -> done.size() >= 2 * USERS * (1 + logins));
  }

  private static StreamId user(int number) {
    return StreamId.of("user", Integer.toString(number));
  }

  private void await(BooleanSupplier condition) throws InterruptedException, TimeoutException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new TimeoutException("only %d events were handled".formatted(done.size()));
      }
      Thread.sleep(20);
    }
  }

  private void say() {
    for (String service : List.of(ACCOUNTS, ACTIVITY)) {
      Map<String, Long> handled =
          done.stream()
              .filter(work -> work.service().equals(service))
              .collect(Collectors.groupingBy(Work::instance, TreeMap::new, Collectors.counting()));
      tell.accept("  %-18s %s events".formatted(service, handled));
    }
  }
}
