package dev.pgeventstore.examples.quickstart;

import static dev.pgeventstore.ExpectedVersion.streamExists;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.aggregate.Aggregate;
import dev.pgeventstore.aggregate.Aggregates;
import dev.pgeventstore.aggregate.Execution;
import dev.pgeventstore.examples.quickstart.AccountEvent.Deposited;
import java.util.List;

/** The operations on accounts. Each account is a stream. Safe for many threads. */
final class Bank {

  static final String CATEGORY = "account";

  private static final int MOST_TRIES = 100;

  private final EventStore store;
  private final Aggregates<Account, AccountEvent> accounts;

  Bank(EventStore store) {
    this.store = store;
    this.accounts = Aggregates.of(store, CATEGORY, Account.EVOLUTION).retries(MOST_TRIES);
  }

  Execution<Account> open(String account, String owner) {
    return accounts.execute(account, state -> state.open(owner));
  }

  AppendResult deposit(String account, long cents) {
    return accounts.execute(account, state -> state.deposit(cents)).appended().orElseThrow();
  }

  /** Pays out the requested amount, or the balance if that is less. */
  Execution<Account> payOut(String account, long cents) {
    return accounts.execute(account, state -> state.withdraw(Math.min(cents, state.cents())));
  }

  /** The current state of the account and its version, on which a decision can be based. */
  Aggregate<Account> look(String account) {
    return accounts.load(account);
  }

  /**
   * Moves money from one account to another. Both events are written, or none.
   *
   * @throws IllegalStateException if the payer has too little
   * @throws ConflictException if other writers were faster at every attempt, or the payee does not
   *     exist
   */
  AppendResult transfer(String from, String to, long cents) {
    for (int tries = 1; ; tries++) {
      Aggregate<Account> payer = accounts.load(from);
      List<AccountEvent> withdrawal = payer.state().withdraw(cents);
      ExpectedVersion asSeen = payer.expected();
      try {
        return store.append(
            Append.to(payer.stream(), asSeen, withdrawal)
                // The payee's balance does not matter: a deposit is valid as long as the account
                // exists.
                .and(StreamId.of(CATEGORY, to), streamExists(), List.of(new Deposited(cents))));
      } catch (ConflictException e) {
        if (tries == MOST_TRIES || e.of(payer.stream()).isEmpty()) {
          throw e;
        }
      }
    }
  }
}
