package dev.pgeventstore.examples.spring.orders;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.spring.Running;
import dev.pgeventstore.subscription.Subscription;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.springframework.http.HttpStatus;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/** Commands and a query. */
@RestController
@RequestMapping("/orders")
class OrderController {

  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final OrderService orders;
  private final Running<Subscription> openOrders;
  private final JdbcClient jdbc;

  OrderController(OrderService orders, Running<Subscription> openOrders, JdbcClient jdbc) {
    this.orders = orders;
    this.openOrders = openOrders;
    this.jdbc = jdbc;
  }

  record NewOrder(String customer, String item) {}

  // tag::await[]
  /** The service's transaction has committed, so the view can be waited for. */
  @PutMapping("/{id}")
  @ResponseStatus(HttpStatus.CREATED)
  void place(@PathVariable String id, @RequestBody NewOrder order) throws Exception {
    AppendResult placed = orders.place(id, order.customer(), order.item());
    openOrders.get().awaitApplied(placed, PATIENCE);
  }

  // end::await[]

  @PostMapping("/{id}/shipment")
  @ResponseStatus(HttpStatus.NO_CONTENT)
  void ship(@PathVariable String id) throws Exception {
    Optional<AppendResult> shipped = orders.ship(id);
    if (shipped.isPresent()) {
      openOrders.get().awaitApplied(shipped.get(), PATIENCE);
    }
  }

  @GetMapping("/open")
  List<Map<String, Object>> open() {
    return jdbc.sql("select id, item from open_orders order by id").query().listOfRows();
  }

  @ExceptionHandler
  @ResponseStatus(HttpStatus.CONFLICT)
  Map<String, String> refused(Order.RefusedException refused) {
    return Map.of("reason", String.valueOf(refused.getMessage()));
  }
}
