package dev.pgeventstore.examples.quickstart;

import dev.pgeventstore.codec.EventType;

/** What happens to a bank account. Amounts are cents. */
sealed interface AccountEvent {

  @EventType(name = "account-opened")
  record Opened(String owner) implements AccountEvent {}

  @EventType(name = "money-deposited")
  record Deposited(long cents) implements AccountEvent {}

  @EventType(name = "money-withdrawn")
  record Withdrawn(long cents) implements AccountEvent {}
}
