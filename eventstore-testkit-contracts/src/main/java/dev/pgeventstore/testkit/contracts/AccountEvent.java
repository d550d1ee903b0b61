package dev.pgeventstore.testkit.contracts;

import dev.pgeventstore.codec.EventType;
import java.time.Instant;

/** The events that the contract appends. */
public sealed interface AccountEvent {

  @EventType(name = "account-opened")
  record Opened(String owner) implements AccountEvent {}

  @EventType(name = "money-deposited")
  record Deposited(long cents, Instant at) implements AccountEvent {}

  @EventType(name = "account-rated")
  record Rated(double score) implements AccountEvent {}
}
