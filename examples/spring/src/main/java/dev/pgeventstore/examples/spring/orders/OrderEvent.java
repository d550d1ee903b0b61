package dev.pgeventstore.examples.spring.orders;

import dev.pgeventstore.codec.EventType;

// tag::events[]
/** What happens to an order. Each order is a stream. */
sealed interface OrderEvent {

  @EventType(name = "order-placed")
  record Placed(String customer, String item) implements OrderEvent {}

  @EventType(name = "order-shipped")
  record Shipped() implements OrderEvent {}
}
// end::events[]
