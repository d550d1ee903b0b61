package dev.pgeventstore.examples.quickstart;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.aggregate.Aggregate;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.Subscription;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import javax.sql.DataSource;

/** The steps of the quickstart. */
final class Tour {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final DataSource database;
  private final String bootstrap;
  private final String topic;
  private final Consumer<String> out;

  Tour(DataSource database, String bootstrap, String topic, Consumer<String> out) {
    this.database = database;
    this.bootstrap = bootstrap;
    this.topic = topic;
    this.out = out;
  }

  /**
   * The results of the run.
   *
   * @param balances the cents on each account, by the table
   * @param conflict the conflict that the second teller got
   * @param published the records in Kafka
   */
  record Outcome(
      Map<String, Long> balances, Optional<ConflictException> conflict, List<String> published) {}

  Outcome run() throws SQLException, InterruptedException, TimeoutException {
    Balances.createTable(database);
    try (EventStore store =
        PostgresEventStore.builder(database)
            .codec(JacksonCodec.of(EventTypes.of(AccountEvent.class)))
            .build()) {
      Bank bank = new Bank(store);
      openAccounts(bank);
      transfer(bank);
      Optional<ConflictException> conflict = twoTellers(store, bank);
      AppendResult last = bank.deposit("ben", 5_00);
      Map<String, Long> balances = balances(store, last);
      return new Outcome(balances, conflict, published(store, last));
    }
  }

  private void openAccounts(Bank bank) {
    bank.open("ann", "Ann");
    bank.open("ben", "Ben");
    bank.deposit("ann", 100_00);
    bank.deposit("ben", 20_00);
    step(1, "Ann and Ben have opened accounts. Ann has brought 100.00, Ben 20.00.");
    say("Each account is a stream of events in PostgreSQL, and its events are numbered.");
    show(bank);
  }

  private void transfer(Bank bank) {
    bank.transfer("ann", "ben", 30_00);
    step(2, "Ann has sent 30.00 to Ben.");
    say("That is one event in each of two streams, written in one transaction: both or none.");
    show(bank);
  }

  private Optional<ConflictException> twoTellers(EventStore store, Bank bank) {
    step(3, "Two tellers look at Ann's account at the same time. Each is to pay out 60.00.");
    Aggregate<Account> seen = bank.look("ann");
    List<AccountEvent> decision = seen.state().withdraw(60_00);
    bank.payOut("ann", 60_00);
    say("The first one pays. The second one decided on what is no longer true:");
    try {
      store.append(seen.stream(), seen.expected(), decision);
      return Optional.empty();
    } catch (ConflictException e) {
      say("  refused: " + e.getMessage() + ".");
      bank.payOut("ann", 60_00);
      say("So the second one looks again, and pays out the 10.00 that are left.");
      show(bank);
      return Optional.of(e);
    }
  }

  private Map<String, Long> balances(EventStore store, AppendResult last)
      throws SQLException, InterruptedException, TimeoutException {
    step(4, "Ben brings another 5.00. A subscription keeps a table of balances, in SQL.");
    say("Its rows commit together with the place it has come to: each event counts once.");
    try (Subscription subscription = Balances.follow(store)) {
      // After this call, the table includes the last event.
      subscription.awaitApplied(last, PATIENCE);
      Map<String, Long> balances = Balances.read(database);
      say("We wait until it has applied Ben's deposit, and read the table:");
      balances.forEach((account, cents) -> say("  %-4s %8s".formatted(account, money(cents))));
      return balances;
    }
  }

  private List<String> published(EventStore store, AppendResult last)
      throws InterruptedException, TimeoutException {
    step(5, "A relay publishes the events to Kafka, topic " + topic + ".");
    say("Readers of committed records see each event once, an account's events in order:");
    BankTopic kafka = new BankTopic(bootstrap, topic);
    kafka.create();
    try (KafkaRelay relay =
        KafkaRelay.builder(store, kafka.client()).name(topic).topic(topic).start()) {
      relay.awaitPublished(last, PATIENCE);
    }
    List<String> records = kafka.read();
    records.forEach(record -> say("  " + record));
    say("");
    say("%d events, appended once and published once. That is all.".formatted(records.size()));
    return records;
  }

  private void step(int number, String text) {
    out.accept("");
    out.accept("%d. %s".formatted(number, text));
  }

  private void say(String text) {
    out.accept(text.isEmpty() ? "" : "   " + text);
  }

  private void show(Bank bank) {
    for (String account : List.of("ann", "ben")) {
      Aggregate<Account> now = bank.look(account);
      say(
          "  %s: version %d, %s"
              .formatted(now.stream(), now.version(), money(now.state().cents())));
    }
  }

  private static String money(long cents) {
    return "%d.%02d".formatted(cents / 100, cents % 100);
  }
}
