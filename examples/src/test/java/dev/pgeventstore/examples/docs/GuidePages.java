package dev.pgeventstore.examples.docs;

import dev.pgeventstore.Append;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.stream.Stream;

/** Code of the pages about appending and loading, which is only compiled. */
abstract class GuidePages {

  abstract void use(Object read);

  void several(EventStore store, StreamId from, StreamId to, StreamId shop, Object out, Object in) {
    // tag::several[]
    store.append(
        Append.to(from, ExpectedVersion.exactly(7), List.of(out))
            .and(to, ExpectedVersion.streamExists(), List.of(in))
            .check(shop, ExpectedVersion.exactly(1))); // nothing is written to this stream
    // end::several[]
  }

  void within(
      EventStore store,
      Connection connection,
      StreamId stream,
      ExpectedVersion expected,
      List<?> events)
      throws SQLException {
    // tag::within[]
    connection.setAutoCommit(false);
    store.within(connection).append(stream, expected, events);
    // … statements of your own …
    connection.commit();
    // end::within[]
  }

  void reading(EventStore store, StreamId stream) {
    // tag::reading[]
    List<RecordedEvent> all = store.read(stream);
    List<RecordedEvent> lastTen = store.read(stream, StreamRange.backwards().limit(10));
    Stream<RecordedEvent> anyLength = store.readLazily(stream); // nothing has to be closed

    EventQuery tickets = EventQuery.all().categories("ticket");
    EventPage page = store.readPage(tickets, Position.START, 1000);
    EventPage next = store.readPage(tickets, page.upTo(), 1000); // until isLast()
    // end::reading[]
    use(List.of(all, lastTen, anyLength, next));
  }
}
