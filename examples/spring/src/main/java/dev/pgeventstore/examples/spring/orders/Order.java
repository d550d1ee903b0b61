package dev.pgeventstore.examples.spring.orders;

import dev.pgeventstore.aggregate.Evolution;
import dev.pgeventstore.examples.spring.orders.OrderEvent.Placed;
import dev.pgeventstore.examples.spring.orders.OrderEvent.Shipped;
import java.util.List;

/** The state of an order, computed from its events, and the rules for new events. */
record Order(boolean placed, boolean shipped) {

  static final Evolution<Order, OrderEvent> EVOLUTION =
      Evolution.of(
          new Order(false, false),
          (order, event) -> new Order(true, order.shipped || event instanceof Shipped));

  List<OrderEvent> place(String customer, String item) {
    if (placed) {
      throw new RefusedException("the order was placed already");
    }
    return List.of(new Placed(customer, item));
  }

  /** Shipping an order twice changes nothing. */
  List<OrderEvent> ship() {
    if (!placed) {
      throw new RefusedException("there is no such order");
    }
    return shipped ? List.of() : List.of(new Shipped());
  }

  /** A command that the rules do not allow. */
  static final class RefusedException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    RefusedException(String reason) {
      super(reason);
    }
  }
}
