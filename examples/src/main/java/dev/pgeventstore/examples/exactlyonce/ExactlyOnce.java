package dev.pgeventstore.examples.exactlyonce;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.Append;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.exactlyonce.MoneyEvent.Deposited;
import dev.pgeventstore.examples.exactlyonce.MoneyEvent.Withdrawn;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.processes.ChildProcess;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * Money moves between the accounts of a bank. Its events go through Kafka into the ledger of
 * another service, in another database. Meanwhile the processes that transfer them are killed at
 * arbitrary moments, as by {@code kill -9}. In the end, the ledger agrees with the bank to the
 * cent.
 *
 * <p>It starts its own PostgreSQL server and Kafka broker, and removes both when it ends.
 */
public final class ExactlyOnce {

  private static final int ACCOUNTS = 8;
  private static final int KILLS = 4;
  private static final int ENTRIES_BETWEEN_KILLS = 100;
  private static final Duration PATIENCE = Duration.ofSeconds(180);

  private final String bankUrl;
  private final EventStore bank;
  private final String ledgerUrl;
  private final HikariDataSource ledger;
  private final Topic topic;
  private final Consumer<String> tell;
  private final Random random = new Random(42);

  ExactlyOnce(
      String bankUrl,
      EventStore bank,
      String ledgerUrl,
      HikariDataSource ledger,
      Topic topic,
      Consumer<String> tell) {
    this.bankUrl = bankUrl;
    this.bank = bank;
    this.ledgerUrl = ledgerUrl;
    this.ledger = ledger;
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
        KafkaBroker broker = KafkaBroker.start()) {
      Topic topic = new Topic(broker.bootstrap(), "money").create(2);
      run(server, topic, System.out::println);
    }
  }

  static Outcome run(PostgresServer server, Topic topic, Consumer<String> tell) throws Exception {
    String bankUrl = server.createDatabase().url();
    String ledgerUrl = server.createDatabase().url();
    try (HikariDataSource bankPool = Pools.of(bankUrl, 5);
        EventStore bank = store(bankPool);
        HikariDataSource ledger = Pools.of(ledgerUrl, 5)) {
      Ledger.createTable(ledger);
      return new ExactlyOnce(bankUrl, bank, ledgerUrl, ledger, topic, tell).run();
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool).codec(codec()).build();
  }

  static JacksonCodec codec() {
    return JacksonCodec.of(EventTypes.of(MoneyEvent.class));
  }

  private Outcome run() throws Exception {
    for (int i = 0; i < ACCOUNTS; i++) {
      bank.append(account(i), ExpectedVersion.noStream(), List.of(new Deposited(1_000_00)));
    }
    tell.accept("%d accounts have 1,000.00 each. Money begins to move.".formatted(ACCOUNTS));
    Deque<ChildProcess> relays = new ArrayDeque<>();
    Deque<ChildProcess> ledgers = new ArrayDeque<>();
    try {
      relays.add(relay());
      relays.add(relay());
      ledgers.add(ledger());
      for (int kill = 1; kill <= KILLS; kill++) {
        moveMoneyUntilEntered(Ledger.entries(ledger) + ENTRIES_BETWEEN_KILLS);
        if (kill % 2 == 1) {
          // Of the two relays, the one that was started first leads.
          relays.remove().close();
          relays.add(relay());
          say("The relay that leads is killed, when the ledger has %d entries.");
        } else {
          ledgers.remove().close();
          ledgers.add(ledger());
          say("The ledger's process is killed, when it has %d entries.");
        }
      }
      moveMoneyUntilEntered(Ledger.entries(ledger) + ENTRIES_BETWEEN_KILLS);
      Outcome outcome = outcome();
      tell(outcome);
      return outcome;
    } finally {
      relays.forEach(ChildProcess::close);
      ledgers.forEach(ChildProcess::close);
    }
  }

  private ChildProcess relay() throws IOException {
    return ChildProcess.start(RelayProcess.class, bankUrl, topic.bootstrap(), topic.name());
  }

  private ChildProcess ledger() throws IOException {
    return ChildProcess.start(LedgerProcess.class, ledgerUrl, topic.bootstrap(), topic.name());
  }

  /**
   * Moves money until the ledger has so many entries, so that the process to be killed next is at
   * work.
   */
  private void moveMoneyUntilEntered(long entries) throws SQLException, TimeoutException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (Ledger.entries(ledger) < entries) {
      moveMoney();
      requireBefore(deadline);
    }
  }

  /** Writes both events, or none. */
  private void moveMoney() {
    int from = random.nextInt(ACCOUNTS);
    int to = (from + 1 + random.nextInt(ACCOUNTS - 1)) % ACCOUNTS;
    long cents = 1 + random.nextInt(50_00);
    bank.append(
        Append.to(account(from), ExpectedVersion.any(), List.of(new Withdrawn(cents)))
            .and(account(to), ExpectedVersion.any(), List.of(new Deposited(cents))));
  }

  private static StreamId account(int number) {
    return StreamId.of("account", Integer.toString(number));
  }

  private Outcome outcome() throws SQLException, InterruptedException, TimeoutException {
    Map<String, Long> balances = new TreeMap<>();
    long events = 0;
    EventPage page = bank.readPage(Position.START, 500);
    while (!page.events().isEmpty()) {
      for (RecordedEvent event : page.events()) {
        balances.merge(
            event.stream().toString(), ((MoneyEvent) event.payload()).change(), Long::sum);
        events++;
      }
      page = bank.readPage(page.upTo(), 500);
    }
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (Ledger.entries(ledger) < events) {
      requireBefore(deadline);
      Thread.sleep(20);
    }
    return new Outcome(events, balances, Ledger.entries(ledger), Ledger.balances(ledger));
  }

  private void requireBefore(long deadline) throws SQLException, TimeoutException {
    if (System.nanoTime() > deadline) {
      throw new TimeoutException(
          "the ledger stays at %d entries".formatted(Ledger.entries(ledger)));
    }
  }

  private void say(String what) throws SQLException {
    tell.accept(what.formatted(Ledger.entries(ledger)));
  }

  private void tell(Outcome outcome) {
    tell.accept(
        "The bank has %d events, the ledger %d entries."
            .formatted(outcome.events(), outcome.entries()));
    tell.accept("          at the bank   in the ledger");
    outcome
        .bank()
        .forEach(
            (account, cents) ->
                tell.accept(
                    "  %s %12.2f %15.2f"
                        .formatted(account, cents / 100.0, outcome.ledger().get(account) / 100.0)));
  }

  /**
   * The final contents of both databases.
   *
   * @param events the number of the bank's events
   * @param bank the cents on each account, by the bank's events
   * @param entries the number of the ledger's entries
   * @param ledger the cents on each account, by the ledger's table
   */
  record Outcome(long events, Map<String, Long> bank, long entries, Map<String, Long> ledger) {}
}
