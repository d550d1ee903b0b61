package dev.pgeventstore.postgres;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.testkit.contracts.EventStoreContract;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PgBouncer;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of every store, behind a pooler in transaction mode. */
@ExtendWith(PostgresExtension.class)
class PgBouncerContractTest extends EventStoreContract {

  private static @Nullable PgBouncer pooler;
  private static @Nullable HikariDataSource pool;

  @BeforeAll
  static void putBetween(Database database) {
    assumeTrue(PgBouncer.isInstalled(), "pgbouncer is not installed");
    pooler = PgBouncer.start(database, 4);
    HikariConfig config = new HikariConfig();
    config.setDataSource(pooler.database().dataSource());
    config.setMaximumPoolSize(10);
    config.setMinimumIdle(0);
    pool = new HikariDataSource(config);
  }

  @AfterAll
  static void close() {
    if (pool != null) {
      pool.close();
    }
    if (pooler != null) {
      pooler.close();
    }
  }

  @Override
  protected EventStore newStore(EventCodec codec) {
    return PostgresEventStore.builder(pool).codec(codec).build();
  }
}
