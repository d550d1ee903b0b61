package dev.pgeventstore.examples.statements;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.examples.statements.AccountEvent.Withdrawn;
import java.util.List;

/** Sends money to other banks. */
final class Bank {

  private final EventStore store;
  private final String relay;
  private final String payments;

  /** Takes the name of the relay that publishes, and the name of the topic for payments. */
  Bank(EventStore store, String relay, String payments) {
    this.store = store;
    this.relay = relay;
    this.payments = payments;
  }

  /**
   * Takes money from an account, and orders the payment system to pay it out elsewhere. The order
   * is not an event of the account: it is a message to another system, with the data that only that
   * system needs. Event and message are written in one transaction.
   *
   * @throws ConflictException if the account has changed since; neither the event nor the message
   *     is written
   */
  AppendResult send(String account, ExpectedVersion seen, long cents, String iban) {
    OutboxMessage order =
        OutboxMessage.to(relay, payments)
            .key(account)
            .header("ce_type", "bank.payment-order.v1")
            .json("{\"to\": \"%s\", \"cents\": %d}".formatted(iban, cents));
    return store.append(
        Append.to(StreamId.of("account", account), seen, List.of(new Withdrawn(cents)))
            .message(order));
  }
}
