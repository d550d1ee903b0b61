package dev.pgeventstore.spring.internal;

import com.zaxxer.hikari.HikariDataSource;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.util.ClassUtils;

/**
 * Compares the pool with what the store may need: docs/architecture.md, threads and connections.
 */
final class PoolCheck {

  private static final Logger LOG = LoggerFactory.getLogger(PoolCheck.class);

  /** One observes, one listens, and one is left for everything else. */
  private static final int LEAST = 3;

  private PoolCheck() {}

  /**
   * Warns of a pool that is small.
   *
   * @param running how many subscriptions, followers, projections and relays there are
   * @throws StoreConfigurationException if it is so small that nothing works
   */
  static void check(DataSource dataSource, int running) {
    if (running > 0
        && ClassUtils.isPresent(
            "com.zaxxer.hikari.HikariDataSource", PoolCheck.class.getClassLoader())) {
      Hikari.check(dataSource, running);
    }
  }

  /** A class of its own: HikariCP may be absent. */
  private static final class Hikari {

    private static void check(DataSource dataSource, int running) {
      HikariDataSource pool = pool(dataSource);
      if (pool == null) {
        return;
      }
      int size = pool.getMaximumPoolSize();
      int needed = 4 + 2 * running;
      if (size < LEAST) {
        throw new StoreConfigurationException(
            ("The pool has %d connections at most. Two are held while something subscribes, so the"
                    + " event store needs %d at least, and %d for the %d subscriptions and relays"
                    + " here.")
                .formatted(size, LEAST, needed, running),
            "Set spring.datasource.hikari.maximum-pool-size to %d, and one more for each request or"
                    .formatted(needed)
                + " transaction that runs at the same time.");
      }
      if (size <= needed) {
        LOG.warn(
            "The pool has {} connections at most. The event store may use {} at the same time (4,"
                + " and 2 for each of {} subscriptions and relays), which leaves too few for the"
                + " application's own transactions: raise spring.datasource.hikari.maximum-pool-size",
            size,
            needed,
            running);
      }
    }

    private static @Nullable HikariDataSource pool(DataSource dataSource) {
      try {
        return dataSource.isWrapperFor(HikariDataSource.class)
            ? dataSource.unwrap(HikariDataSource.class)
            : null;
      } catch (SQLException e) {
        return null; // A pool that is not known is not checked.
      }
    }
  }
}
