package dev.pgeventstore.postgres;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.testkit.contracts.ProjectionContract;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of every store that keeps projections. */
@ExtendWith(PostgresExtension.class)
class PostgresProjectionTest extends ProjectionContract {

  private static HikariDataSource pool;

  @BeforeAll
  static void openPool(Database database) {
    HikariConfig config = new HikariConfig();
    config.setDataSource(database.dataSource());
    config.setMaximumPoolSize(10);
    config.setMinimumIdle(0);
    pool = new HikariDataSource(config);
  }

  @AfterAll
  static void closePool() {
    pool.close();
  }

  @Override
  protected EventStore newStore(EventCodec codec) {
    return PostgresEventStore.builder(pool).codec(codec).build();
  }
}
