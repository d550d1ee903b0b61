package dev.pgeventstore.examples.spring.orders;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.examples.spring.orders.OrderEvent.Placed;
import dev.pgeventstore.examples.spring.orders.OrderEvent.Shipped;
import dev.pgeventstore.spring.Running;
import dev.pgeventstore.subscription.EventContext;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

/** A table of the orders that are not shipped yet. */
// tag::view[]
@Configuration(proxyBeanMethods = false)
class OpenOrdersView {

  @Bean
  Running<Subscription> openOrders(EventStore store) {
    return Running.of(
        () ->
            Subscriptions.of(store)
                .create("open-orders")
                .category("order")
                .handler(
                    EventHandler.on(Placed.class, OpenOrdersView::add)
                        .on(Shipped.class, (shipped, context) -> remove(context)))
                .start());
  }

  private static void add(Placed placed, EventContext context) {
    jdbc(context)
        .sql("insert into open_orders (id, item) values (?, ?)")
        .params(context.event().stream().key(), placed.item())
        .update();
  }

  private static void remove(EventContext context) {
    jdbc(context)
        .sql("delete from open_orders where id = ?")
        .param(context.event().stream().key())
        .update();
  }

  /** In the transaction of the subscription, in which its checkpoint moves. */
  private static JdbcClient jdbc(EventContext context) {
    return JdbcClient.create(new SingleConnectionDataSource(context.connection(), true));
  }
}
// end::view[]
