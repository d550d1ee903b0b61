package dev.pgeventstore.examples;

import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.DatabaseTemplate;

/** Tests begin with a database that has the store's default schema. */
public final class MigratedDatabase implements DatabaseTemplate {

  @Override
  public void fill(Database database) {
    PostgresEventStore.builder(database.dataSource())
        .codec(JacksonCodec.of(EventTypes.none()))
        .build()
        .close();
  }
}
