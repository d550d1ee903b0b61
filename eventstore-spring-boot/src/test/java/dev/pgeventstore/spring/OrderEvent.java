package dev.pgeventstore.spring;

import dev.pgeventstore.codec.EventType;

/** What happens to an order of the tests. */
sealed interface OrderEvent {

  @EventType(name = "order-placed")
  record Placed(String what) implements OrderEvent {}

  @EventType(name = "order-shipped")
  record Shipped() implements OrderEvent {}
}
