package dev.pgeventstore.postgres;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.RecordedMessage;
import dev.pgeventstore.testkit.contracts.MessageContract;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of every store that keeps snapshots. */
@ExtendWith(PostgresExtension.class)
class PostgresMessageTest extends MessageContract {

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

  @Override
  protected List<RecordedMessage> messages(EventStore store, String relay) {
    EventFeed feed = store.unwrap(EventFeed.class).orElseThrow();
    return feed.messages(relay, 0, 1, Position.START, feed.highWaterMark(), 10_000);
  }
}
