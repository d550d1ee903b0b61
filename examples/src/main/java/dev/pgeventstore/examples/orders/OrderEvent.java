package dev.pgeventstore.examples.orders;

import dev.pgeventstore.codec.EventType;

/** What happens to an order. */
sealed interface OrderEvent {

  @EventType(name = "order-placed")
  record Placed(String customer, long cents) implements OrderEvent {}

  @EventType(name = "order-shipped")
  record Shipped(String carrier) implements OrderEvent {}
}
