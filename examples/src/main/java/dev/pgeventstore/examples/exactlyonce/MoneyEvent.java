package dev.pgeventstore.examples.exactlyonce;

import dev.pgeventstore.codec.EventType;

/** What changes the balance of an account. Each account is a stream. */
sealed interface MoneyEvent {

  /** The change of the balance, in cents. */
  long change();

  @EventType(name = "money-deposited")
  record Deposited(long cents) implements MoneyEvent {
    @Override
    public long change() {
      return cents;
    }
  }

  @EventType(name = "money-withdrawn")
  record Withdrawn(long cents) implements MoneyEvent {
    @Override
    public long change() {
      return -cents;
    }
  }
}
