package dev.pgeventstore.benchmarks;

import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * What idle subscriptions cost the database: transactions, each of which is one query here, and
 * connections in use. They have their own database. There is nothing to compare this with.
 */
final class IdleWorks implements Works {

  /** The server counts the transactions of a session that has become idle only after 10 s. */
  private static final long LONGEST_SETTLING_MILLIS = 11_000;

  private final Stage stage;
  private final Options options;
  private int measured;

  IdleWorks(Stage stage, Options options) {
    this.stage = stage;
    this.options = options;
  }

  @Override
  public List<Work> all() {
    return List.of(Work.of("idle, %d subscriptions".formatted(options.idle()), this::measure));
  }

  private Figures measure() throws Exception {
    List<Subscription> running = new ArrayList<>();
    try {
      measured++;
      for (int i = 0; i < options.idle(); i++) {
        running.add(
            Subscriptions.of(stage.store())
                .create("idle-%d-%d".formatted(measured, i))
                .category("category" + i)
                .handler(batch -> {})
                .start());
      }
      TimeUnit.MILLISECONDS.sleep(
          Math.min(LONGEST_SETTLING_MILLIS, options.liveSeconds().toMillis()));
      int mostConnections = 0;
      long before = transactions();
      long started = System.nanoTime();
      while (System.nanoTime() - started < options.liveSeconds().toNanos()) {
        mostConnections = Math.max(mostConnections, stage.connectionsInUse());
        TimeUnit.MILLISECONDS.sleep(1);
      }
      long after = transactions();
      double seconds = (System.nanoTime() - started) / 1e9;
      Map<String, Double> figures = new LinkedHashMap<>();
      // One of these queries read the number before.
      figures.put("queries/s", Math.max(0, after - before - 1) / seconds);
      figures.put("connections", (double) mostConnections);
      return new Figures(figures, 0);
    } finally {
      running.forEach(Subscription::close);
    }
  }

  private long transactions() throws SQLException {
    try (Connection connection = stage.open();
        PreparedStatement select =
            connection.prepareStatement(
                """
                select xact_commit + xact_rollback from pg_stat_database
                 where datname = current_database()
                """);
        ResultSet row = select.executeQuery()) {
      row.next();
      return row.getLong(1);
    }
  }
}
