package dev.pgeventstore.examples.quickstart;

import dev.pgeventstore.aggregate.Evolution;
import dev.pgeventstore.examples.quickstart.AccountEvent.Deposited;
import dev.pgeventstore.examples.quickstart.AccountEvent.Opened;
import dev.pgeventstore.examples.quickstart.AccountEvent.Withdrawn;
import java.util.List;

/**
 * The state of a bank account, computed from its events, and the rules for new events.
 *
 * @param isOpen whether it was opened
 * @param cents the balance
 */
record Account(boolean isOpen, long cents) {

  static final Evolution<Account, AccountEvent> EVOLUTION =
      Evolution.of(new Account(false, 0), Account::after);

  Account after(AccountEvent event) {
    if (event instanceof Deposited deposited) {
      return new Account(isOpen, cents + deposited.cents());
    }
    if (event instanceof Withdrawn withdrawn) {
      return new Account(isOpen, cents - withdrawn.cents());
    }
    return new Account(true, cents);
  }

  /** Opening an open account changes nothing. */
  List<AccountEvent> open(String owner) {
    return isOpen ? List.of() : List.of(new Opened(owner));
  }

  List<AccountEvent> deposit(long amount) {
    requireOpen();
    return List.of(new Deposited(amount));
  }

  List<AccountEvent> withdraw(long amount) {
    requireOpen();
    if (amount > cents) {
      throw new IllegalStateException("the account has less than that");
    }
    return List.of(new Withdrawn(amount));
  }

  private void requireOpen() {
    if (!isOpen) {
      throw new IllegalStateException("the account is not open");
    }
  }
}
