package dev.pgeventstore.examples.fulfilment;

import dev.pgeventstore.codec.EventType;

/** What happens to an order. Each order is a stream. */
sealed interface OrderEvent {

  @EventType(name = "order-placed")
  record Placed(String article, String address) implements OrderEvent {}

  @EventType(name = "order-paid")
  record Paid(long cents) implements OrderEvent {}

  @EventType(name = "order-cancelled")
  record Cancelled(String reason) implements OrderEvent {}
}
