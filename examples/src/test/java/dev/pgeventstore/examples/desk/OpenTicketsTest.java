package dev.pgeventstore.examples.desk;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.examples.desk.TicketEvent.Closed;
import dev.pgeventstore.examples.desk.TicketEvent.Opened;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.InMemoryEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class OpenTicketsTest {

  @BeforeEach
  void prepare(Database database) throws Exception {
    try (Connection connection = database.dataSource().getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(OpenTickets.CREATE);
    }
  }

  // tag::memory[]
  @Test
  void a_ticket_is_in_the_table_until_it_is_closed(Database database) throws Exception {
    try (EventStore store =
            InMemoryEventStore.builder(TicketEvent.codec())
                .dataSource(database.dataSource())
                .build();
        Subscription openTickets =
            Subscriptions.of(store).create("open-tickets").handler(OpenTickets.HANDLER).start()) {
      open(store, "1");
      open(store, "2");
      AppendResult last =
          store.append(
              StreamId.of("ticket", "1"), ExpectedVersion.exactly(1), List.of(new Closed()));
      openTickets.awaitApplied(last, Duration.ofSeconds(10));

      assertThat(OpenTickets.read(database.dataSource())).isEqualTo(Map.of("2", "phone"));
    }
  }

  // end::memory[]

  private static void open(EventStore store, String key) {
    store.append(
        StreamId.of("ticket", key),
        ExpectedVersion.noStream(),
        List.of(new Opened("ben", "How?", "phone")));
  }
}
