package dev.pgeventstore.examples.statements;

import dev.pgeventstore.codec.EventType;

/** The bank's internal events of an account. Most of them must not leave the bank. */
sealed interface AccountEvent {

  @EventType(name = "money-deposited")
  record Deposited(long cents) implements AccountEvent {}

  @EventType(name = "money-withdrawn")
  record Withdrawn(long cents) implements AccountEvent {}

  @EventType(name = "fraud-suspected")
  record FraudSuspected(String rule) implements AccountEvent {}

  @EventType(name = "month-closed")
  record MonthClosed(String month, long cents, String clerk) implements AccountEvent {}
}
