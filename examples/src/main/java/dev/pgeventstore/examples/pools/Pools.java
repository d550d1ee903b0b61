package dev.pgeventstore.examples.pools;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;

/** Connection pools of the examples. */
public final class Pools {

  private Pools() {}

  /**
   * Opens a pool, whose connections are opened when they are needed.
   *
   * @param url of the database
   * @param connections the most it has
   * @return to be closed
   */
  public static HikariDataSource of(String url, int connections) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(url);
    config.setMaximumPoolSize(connections);
    config.setMinimumIdle(0);
    return new HikariDataSource(config);
  }
}
