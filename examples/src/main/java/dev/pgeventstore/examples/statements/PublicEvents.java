package dev.pgeventstore.examples.statements;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.statements.AccountEvent.Deposited;
import dev.pgeventstore.examples.statements.AccountEvent.FraudSuspected;
import dev.pgeventstore.examples.statements.AccountEvent.MonthClosed;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * A bank stores everything about an account. Customers' programs get a statement for each month,
 * and the payment system gets orders. A mapper derives the statements from events; the orders are
 * messages that are written together with events. Nothing else leaves the bank.
 *
 * <p>It starts its own PostgreSQL server and Kafka broker, and removes both when it ends.
 */
public final class PublicEvents {

  static final int ACCOUNTS = 3;

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final EventStore store;
  private final Topic statements;
  private final Topic payments;
  private final Consumer<String> tell;

  PublicEvents(EventStore store, Topic statements, Topic payments, Consumer<String> tell) {
    this.store = store;
    this.statements = statements;
    this.payments = payments;
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
      Topic statements = new Topic(broker.bootstrap(), "statements").create(2);
      Topic payments = new Topic(broker.bootstrap(), "payments").create(2);
      new PublicEvents(store, statements, payments, System.out::println).run();
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(AccountEvent.class)))
        .build();
  }

  Outcome run() throws InterruptedException, TimeoutException {
    Bank bank = new Bank(store, statements.name(), payments.name());
    AppendResult last = null;
    for (int i = 1; i <= ACCOUNTS; i++) {
      String account = "a" + i;
      List<AccountEvent> saved = new ArrayList<>();
      for (int day = 1; day <= 10; day++) {
        saved.add(new Deposited(10_00));
      }
      saved.add(new FraudSuspected("ten deposits"));
      ExpectedVersion seen = append(account, ExpectedVersion.noStream(), saved);
      bank.send(account, seen, 40_00, "DE02 1203 0000 0000 2020 51");
      tell.accept("%s saves 100.00 and sends 40.00.".formatted(account));
      tell.accept("  And again, decided on what was seen before: " + again(bank, account, seen));
      last = closeMonth(account);
    }
    try (KafkaRelay relay =
        KafkaRelay.builder(store, statements.client())
            .name(statements.name())
            .topic(statements.name())
            .mapper(new PublicStatements())
            .start()) {
      relay.awaitPublished(last, PATIENCE);
    }
    return new Outcome(show(statements), show(payments));
  }

  private ExpectedVersion append(String account, ExpectedVersion seen, List<AccountEvent> events) {
    StreamId stream = StreamId.of("account", account);
    store.append(stream, seen, events);
    return ExpectedVersion.exactly(events.size());
  }

  private static String again(Bank bank, String account, ExpectedVersion seen) {
    try {
      bank.send(account, seen, 70_00, "DE02 5001 0517 0137 0750 30");
      return "sent";
    } catch (ConflictException e) {
      return "refused, and nothing is published";
    }
  }

  private AppendResult closeMonth(String account) {
    MonthClosed closed = new MonthClosed("2026-11", 60_00, "clerk 7");
    return store.append(
        StreamId.of("account", account), ExpectedVersion.streamExists(), List.of(closed));
  }

  private List<String> show(Topic topic) {
    List<String> lines = new ArrayList<>();
    topic.readAll(
        record ->
            lines.add(
                "%s %s"
                    .formatted(
                        Topic.header(record, "ce_type"),
                        new String(record.value(), StandardCharsets.UTF_8))));
    tell.accept("Topic %s:".formatted(topic.name()));
    lines.forEach(line -> tell.accept("  " + line));
    return lines;
  }

  /**
   * What other systems see.
   *
   * @param statements the records of the topic for statements
   * @param payments the records of the topic for payments
   */
  record Outcome(List<String> statements, List<String> payments) {}
}
