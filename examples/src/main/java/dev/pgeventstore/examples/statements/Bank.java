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

  /** The name of the relay that publishes, and of the topic that payments go to. */
  Bank(EventStore store, String relay, String payments) {
    this.store = store;
    this.relay = relay;
    this.payments = payments;
  }

  /**
   * Takes money from an account, and tells the payment system to pay it out elsewhere. That is not
   * something that the account remembers: it is an order to somebody else, with what only he needs
   * to know. Both are written in one transaction.
   *
   * @throws ConflictException if something has happened to the account since: nothing is written,
   *     and nobody is told
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
