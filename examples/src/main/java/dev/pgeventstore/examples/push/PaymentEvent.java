package dev.pgeventstore.examples.push;

import dev.pgeventstore.codec.EventType;

/** What happens to a payment. */
sealed interface PaymentEvent {

  @EventType(name = "payment-received")
  record Received(long cents) implements PaymentEvent {}

  @EventType(name = "payment-returned")
  record Returned(String reason) implements PaymentEvent {}
}
