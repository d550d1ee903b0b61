package dev.pgeventstore.examples.spring.orders;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.aggregate.Aggregates;
import java.util.Optional;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

/** Decides, appends, and writes a row of its own, in one transaction. */
// tag::service[]
@Service
class OrderService {

  private final Aggregates<Order, OrderEvent> orders;
  private final JdbcClient jdbc;

  OrderService(EventStore store, JdbcClient jdbc) {
    this.orders = Aggregates.of(store, "order", Order.EVOLUTION);
    this.jdbc = jdbc;
  }

  /** The row and the event are committed together, or rolled back together. */
  @Transactional
  public AppendResult place(String id, String customer, String item) {
    jdbc.sql("insert into customers (name) values (?) on conflict do nothing")
        .param(customer)
        .update();
    return orders.execute(id, order -> order.place(customer, item)).appended().orElseThrow();
  }

  /** Without a transaction, the append is one by itself. */
  public Optional<AppendResult> ship(String id) {
    return orders.execute(id, Order::ship).appended();
  }
}
// end::service[]
