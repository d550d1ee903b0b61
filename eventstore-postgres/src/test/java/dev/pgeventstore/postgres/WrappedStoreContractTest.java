package dev.pgeventstore.postgres;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.testkit.contracts.EventStoreContract;
import dev.pgeventstore.testkit.contracts.SnapshotContract;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contracts that one database may serve, through what wraps a store. */
@ExtendWith(PostgresExtension.class)
class WrappedStoreContractTest {

  private static HikariDataSource pool;

  @BeforeAll
  static void open(Database database) {
    HikariConfig config = new HikariConfig();
    config.setDataSource(database.dataSource());
    config.setMaximumPoolSize(10);
    config.setMinimumIdle(0);
    pool = new HikariDataSource(config);
  }

  @AfterAll
  static void close() {
    pool.close();
  }

  private static TracingStore wrapped(EventCodec codec) {
    return new TracingStore(PostgresEventStore.builder(pool).codec(codec).build());
  }

  @Nested
  class AsAStore extends EventStoreContract {
    @Override
    protected EventStore newStore(EventCodec codec) {
      return wrapped(codec);
    }
  }

  @Nested
  class AsOneWithSnapshots extends SnapshotContract {
    @Override
    protected EventStore newStore(EventCodec codec) {
      return wrapped(codec);
    }
  }
}
