package dev.pgeventstore.postgres.classloaders;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.Migrations;
import dev.pgeventstore.postgres.PostgresEventStore;
import java.util.List;
import org.postgresql.ds.PGSimpleDataSource;

/** An application of a few lines. It is loaded by other class loaders, and called by reflection. */
public final class StoreProbe {

  private StoreProbe() {}

  /** Builds a store, appends an event, and counts all events of its stream. */
  public static int appendOne(String url, String migrations) {
    PGSimpleDataSource dataSource = new PGSimpleDataSource();
    dataSource.setUrl(url);
    try (PostgresEventStore store =
        PostgresEventStore.builder(dataSource)
            .codec(JacksonCodec.of(EventTypes.none()))
            .migrations(Migrations.valueOf(migrations))
            .build()) {
      StreamId stream = StreamId.of("order", "1");
      store.append(
          stream, ExpectedVersion.any(), List.of(EncodedEvent.of("happened", 1, "{\"a\":1}")));
      return store.read(stream).size();
    }
  }
}
