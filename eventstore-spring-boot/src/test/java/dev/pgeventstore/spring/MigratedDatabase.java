package dev.pgeventstore.spring;

import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson3.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.DatabaseTemplate;

/** Tests begin with a schema that is migrated, which takes less time than to migrate it. */
public final class MigratedDatabase implements DatabaseTemplate {

  @Override
  public void fill(Database database) {
    PostgresEventStore.builder(database.dataSource())
        .codec(JacksonCodec.of(EventTypes.none()))
        .build()
        .close();
  }
}
