package dev.pgeventstore.examples.quickstart;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.aggregate.Aggregates;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.quickstart.AccountEvent.Deposited;
import dev.pgeventstore.examples.quickstart.AccountEvent.Opened;
import dev.pgeventstore.examples.quickstart.AccountEvent.Withdrawn;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import javax.sql.DataSource;

/** The four paths in one method: what README.md shows first. */
final class InShort {

  private InShort() {}

  static void run(DataSource dataSource, Map<String, ?> kafka, EventHandler balances)
      throws InterruptedException, TimeoutException {
    // tag::readme[]
    try (EventStore store =
        PostgresEventStore.builder(dataSource)
            .codec(JacksonCodec.of(EventTypes.of(AccountEvent.class)))
            .build()) {

      // Append: an event goes to the end of its stream, if the stream has the expected version.
      StreamId ann = StreamId.of("account", "ann");
      StreamId ben = StreamId.of("account", "ben");
      store.append(
          ann, ExpectedVersion.noStream(), List.of(new Opened("Ann"), new Deposited(100_00)));
      store.append(ben, ExpectedVersion.noStream(), List.of(new Opened("Ben")));

      // Load, decide, append; decide again if another writer was faster.
      Aggregates<Account, AccountEvent> accounts =
          Aggregates.of(store, "account", Account.EVOLUTION);
      accounts.execute("ann", account -> account.withdraw(20_00));

      // Two streams, one transaction: both events are written, or none.
      AppendResult transfer =
          store.append(
              Append.to(ann, ExpectedVersion.exactly(3), List.of(new Withdrawn(30_00)))
                  .and(ben, ExpectedVersion.streamExists(), List.of(new Deposited(30_00))));

      // Subscribe: the handler's writes commit together with the subscription's checkpoint.
      // Relay: each event is in Kafka once, and a stream's events are in order.
      try (Subscription view =
              Subscriptions.of(store)
                  .create("balances")
                  .category("account")
                  .handler(balances)
                  .start();
          KafkaRelay relay =
              KafkaRelay.builder(store, kafka).name("accounts").topic("accounts").start()) {
        view.awaitApplied(transfer, Duration.ofSeconds(10)); // reads its own write
        relay.awaitPublished(transfer, Duration.ofSeconds(10));
      }
    }
    // end::readme[]
  }
}
