package dev.pgeventstore.examples.lastorders;

import dev.pgeventstore.codec.EventType;

/** What happens to an order. Each order is a stream. */
sealed interface OrderEvent {

  @EventType(name = "order-placed")
  record Placed(String customer, long cents) implements OrderEvent {}

  /** The customer is in the event {@code Placed}. */
  @EventType(name = "order-shipped")
  record Shipped() implements OrderEvent {}
}
