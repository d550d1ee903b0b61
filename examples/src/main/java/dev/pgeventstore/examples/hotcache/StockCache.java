package dev.pgeventstore.examples.hotcache;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.Subscriptions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import javax.sql.DataSource;

/**
 * The stock in memory, in every process that needs it. The cache is filled from the view, and then
 * changed by every event that the view did not include. After a crash of the server it is filled
 * again. Safe for many threads.
 */
final class StockCache implements AutoCloseable {

  private final DataSource database;
  private final Subscriptions subscriptions;
  private final Follower follower;
  private volatile Map<String, Long> stock = Map.of();

  StockCache(EventStore store, DataSource database) {
    this.database = database;
    this.subscriptions = Subscriptions.of(store);
    this.follower =
        subscriptions
            .follow(EventQuery.all().categories(StockTable.CATEGORY))
            .load(this::fill)
            .handler(this::change)
            .start();
  }

  /** Reads the view and its position in one snapshot, under repeatable read. */
  private Position fill() throws SQLException {
    try (Connection connection = database.getConnection()) {
      connection.setAutoCommit(false);
      connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
      stock = new ConcurrentHashMap<>(StockTable.read(connection));
      Position position = subscriptions.position(StockTable.SUBSCRIPTION, connection);
      connection.commit();
      return position;
    }
  }

  private void change(List<RecordedEvent> events) {
    for (RecordedEvent event : events) {
      stock.merge(event.stream().key(), ((StockEvent) event.payload()).change(), Long::sum);
    }
  }

  long of(String item) {
    return stock.getOrDefault(item, 0L);
  }

  Map<String, Long> all() {
    return new TreeMap<>(stock);
  }

  void awaitApplied(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException {
    follower.awaitApplied(append, timeout);
  }

  @Override
  public void close() {
    follower.close();
  }
}
