package dev.pgeventstore.examples.orders;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.orders.OrderEvent.Placed;
import dev.pgeventstore.examples.orders.OrderEvent.Shipped;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.projection.InlineProjection;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * How is a view kept up to date without reading everything again? Its checkpoint is stored in the
 * transaction of its rows. The same code also answers on demand, and writes a table in the
 * transactions of appends.
 *
 * <p>It starts its own PostgreSQL server, and removes it when it ends.
 */
public final class OrderViews {

  private static final int ORDERS = 5_000;
  private static final int CUSTOMERS = 50;
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private final DataSource database;
  private final EventStore store;
  private final Projections projections;
  private final Consumer<String> tell;

  OrderViews(DataSource database, EventStore store, Consumer<String> tell) {
    this.database = database;
    this.store = store;
    this.projections = Projections.of(store);
    this.tell = tell;
  }

  /**
   * Runs the example.
   *
   * @param arguments the number of orders, {@value #ORDERS} if there is none
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    int orders = arguments.length == 0 ? ORDERS : Integer.parseInt(arguments[0]);
    try (PostgresServer server = PostgresServer.start();
        HikariDataSource pool = Pools.of(server.createDatabase().url(), 10);
        EventStore store = store(pool)) {
      new OrderViews(pool, store, System.out::println).run(orders);
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(OrderEvent.class)))
        .build();
  }

  Outcome run(int orders) throws SQLException, InterruptedException, TimeoutException {
    for (int i = 1; i <= orders; i++) {
      place(i);
    }
    try (Projection views = follow()) {
      views.promote(PATIENCE);
      tell.accept("The view has %,d orders.".formatted(orders));
    }

    // The program is started again, and the view resumes where it stopped.
    AtomicLong handled = new AtomicLong();
    AppendResult last = ship(orders);
    Map<String, Long> byStatus;
    try (Projection views = follow(handled)) {
      views.awaitApplied(last, PATIENCE);
      byStatus = inDatabase(connection -> OrderView.byStatus("orders", connection));
    }
    tell.accept("Started again, it has handled %d event: %s".formatted(handled.get(), byStatus));

    return new Outcome(byStatus, handled.get(), onDemand(), onDemand(orders), inline(orders + 1));
  }

  private void place(int number) {
    store.append(
        StreamId.of("order", Integer.toString(number)),
        ExpectedVersion.noStream(),
        List.of(new Placed("customer " + number % CUSTOMERS, number * 10L)));
  }

  private AppendResult ship(int number) {
    return store.append(
        StreamId.of("order", Integer.toString(number)),
        ExpectedVersion.exactly(1),
        List.of(new Shipped("bicycle")));
  }

  private Projection follow() {
    return projections
        .create("orders", 1)
        .category("order")
        .partitions(2)
        .definition(new OrderView())
        .start();
  }

  private Projection follow(AtomicLong handled) {
    OrderView counted = new OrderView();
    return projections
        .create("orders", 1)
        .category("order")
        .partitions(2)
        .definition(
            (table, batch) -> {
              counted.handle(table, batch);
              handled.addAndGet(batch.events().size());
            })
        .start();
  }

  /** The same code, run on demand: nothing is stored. */
  private Map<String, Long> onDemand() {
    return projections.onDemand(
        EventQuery.all().categories("order"), new OrderView(), OrderView::byStatus);
  }

  private Map<String, Long> onDemand(int number) {
    return projections.onDemand(
        StreamId.of("order", Integer.toString(number)), new OrderView(), OrderView::byStatus);
  }

  /**
   * The same code in the transaction of the append: a reader that sees the order also sees its row.
   */
  private Map<String, Long> inline(int number) throws SQLException {
    InlineProjection inline =
        InlineProjection.of(store, "orders_inline", EventQuery.all(), new OrderView());
    try (Connection connection = database.getConnection()) {
      connection.setAutoCommit(false);
      new OrderView().create("orders_inline", connection);
      inline
          .within(connection)
          .append(
              StreamId.of("order", Integer.toString(number)),
              ExpectedVersion.noStream(),
              List.of(new Placed("customer 1", 10), new Shipped("train")));
      connection.commit();
      Map<String, Long> byStatus = OrderView.byStatus("orders_inline", connection);
      connection.rollback();
      connection.setAutoCommit(true);
      return byStatus;
    }
  }

  private <T> T inDatabase(Question<T> question) throws SQLException {
    try (Connection connection = database.getConnection()) {
      return question.ask(connection);
    }
  }

  private interface Question<T> {
    T ask(Connection connection) throws SQLException;
  }

  /** The contents of the view for each way of keeping it, and how many events were read again. */
  record Outcome(
      Map<String, Long> byStatus,
      long handledAgain,
      Map<String, Long> onDemand,
      Map<String, Long> ofOneOrder,
      Map<String, Long> inline) {}
}
