package dev.pgeventstore.postgres;

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

/** The contracts whose tests can share a database, for a store that wraps another one. */
@ExtendWith(PostgresExtension.class)
class WrappedStoreContractTest {

  private static TestStore plain;

  @BeforeAll
  static void open(Database database) {
    plain = new TestStore(database);
  }

  @AfterAll
  static void close() {
    plain.close();
  }

  private static TracingStore wrapped(EventCodec codec) {
    return new TracingStore(PostgresEventStore.builder(plain.pool).codec(codec).build());
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
