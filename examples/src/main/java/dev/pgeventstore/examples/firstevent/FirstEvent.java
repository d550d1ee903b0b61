package dev.pgeventstore.examples.firstevent;

// tag::program[]
import static dev.pgeventstore.ExpectedVersion.noStream;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventType;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.util.List;
import javax.sql.DataSource;

public class FirstEvent {

  @EventType(name = "note-written")
  record NoteWritten(String text) {}

  public static void main(String[] arguments) {
    EventCodec codec = JacksonCodec.of(EventTypes.of(NoteWritten.class));
    try (PostgresServer server = PostgresServer.start()) {
      DataSource database = server.createDatabase().dataSource();
      try (EventStore store = PostgresEventStore.builder(database).codec(codec).build()) {
        store.append(StreamId.of("note", "1"), noStream(), List.of(new NoteWritten("Hello")));
        store.read(StreamId.of("note", "1")).forEach(event -> System.out.println(event.payload()));
      }
    }
  }
}
// end::program[]
