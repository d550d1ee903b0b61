package dev.pgeventstore.examples.desk;

import static dev.pgeventstore.ExpectedVersion.noStream;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.aggregate.Aggregates;
import dev.pgeventstore.examples.desk.TicketEvent.Answered;
import dev.pgeventstore.postgres.Eraser;
import dev.pgeventstore.postgres.Migrations;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * A help desk, as a template for a new project. It has event types, one of which has changed; an
 * aggregate; a read model; a follower; a release step that runs with the rights of the owner, and a
 * program with fewer rights; and an event that is erased at a customer's request.
 *
 * <p>It starts its own PostgreSQL server, and removes it when it ends.
 */
public final class Desk {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final DataSource app;
  private final DataSource privacy;
  private final Consumer<String> tell;

  Desk(DataSource app, DataSource privacy, Consumer<String> tell) {
    this.app = app;
    this.privacy = privacy;
    this.tell = tell;
  }

  /**
   * Runs the example.
   *
   * @param arguments none
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      Database database = server.createDatabase();
      Release.prepare(database.dataSource());
      try (HikariDataSource pool = pool(database.as("desk_app").url())) {
        new Desk(pool, database.as("desk_privacy").dataSource(), System.out::println).run();
      }
    }
  }

  // tag::pool[]
  static HikariDataSource pool(String url) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(url);
    config.setMaximumPoolSize(10);
    return new HikariDataSource(config);
  }

  // end::pool[]

  // tag::store[]
  /** One store for the whole program. Close it before its pool. */
  static EventStore store(DataSource pool) {
    return PostgresEventStore.builder(pool)
        .schema(Release.SCHEMA)
        .codec(TicketEvent.codec())
        .migrations(Migrations.VALIDATE)
        .build();
  }

  // end::store[]

  Outcome run() throws SQLException, InterruptedException, TimeoutException {
    AtomicLong seen = new AtomicLong();
    try (EventStore store = store(app);
        Subscription openTickets = openTickets(store);
        Follower counter = follow(store, seen)) {
      appendAsTheFirstReleaseDid(store);
      work(store);
      AppendResult answered = answerOnce(store, UUID.randomUUID());

      // tag::await[]
      openTickets.awaitApplied(answered, PATIENCE); // now the table includes it
      counter.awaitApplied(answered, PATIENCE);
      // end::await[]
      Map<String, String> open = OpenTickets.read(app);
      tell.accept("Open tickets and how they came: %s. Events seen: %s.".formatted(open, seen));

      forget(StreamId.of("ticket", "2"), 1);
      RecordedEvent erased = store.read(StreamId.of("ticket", "2")).get(0);
      Ticket state = Aggregates.of(store, "ticket", Ticket.EVOLUTION).load("2").state();
      tell.accept("What the customer of ticket 2 had asked was erased: " + erased);
      return new Outcome(open, seen.get(), erased, state, openTickets.status().isHealthy());
    }
  }

  /** Appends JSON of revision 1, as it is in a store that was created with the first release. */
  private static void appendAsTheFirstReleaseDid(EventStore store) {
    store.append(
        StreamId.of("ticket", "1"),
        noStream(),
        List.of(
            EncodedEvent.of(
                "ticket-opened", 1, "{\"customer\": \"ann\", \"question\": \"Why?\"}")));
  }

  private static void work(EventStore store) {
    // tag::execute[]
    Aggregates<Ticket, TicketEvent> tickets =
        Aggregates.of(store, "ticket", Ticket.EVOLUTION).snapshotEvery(200, Ticket.SNAPSHOTS);
    Metadata request = Metadata.none().withUserId("agent-7").withCorrelationId("request-4711");

    tickets.execute("2", request, ticket -> ticket.open("ben", "How?", "phone"));
    tickets.execute("2", request, ticket -> ticket.answer("agent-7", "Like this."));
    tickets.execute("3", ticket -> ticket.open("cleo", "When?", "chat"));
    AppendResult closed = tickets.execute("3", Ticket::close).appended().orElseThrow();

    int answers = tickets.load("2").state().answers();
    // end::execute[]
    if (answers != 1) {
      throw new IllegalStateException("ticket 2 has %d answers at %s".formatted(answers, closed));
    }
  }

  private AppendResult answerOnce(EventStore store, UUID commandId) {
    // tag::append[]
    StreamId stream = StreamId.of("ticket", "2");
    List<RecordedEvent> events =
        store.read(stream); // or store.read(stream, StreamRange.forwardsFrom(2))
    tell.accept("Ticket 2 began with " + events.get(0).payload()); // an Opened

    // With an id of its own, an event that is sent again is recognised.
    NewEvent answer = NewEvent.of(new Answered("agent-7", "Or like that.")).withId(commandId);
    try {
      return store.append(stream, ExpectedVersion.exactly(events.size()), List.of(answer));
    } catch (ConflictException e) {
      long actual = e.of(stream).orElseThrow().actual();
      tell.accept("The ticket is at version " + actual + ": read again, and decide again.");
      throw e;
    } catch (OutcomeUnknownException e) {
      tell.accept("No response came back: send the same append again.");
      throw e;
    }
    // end::append[]
  }

  private static Subscription openTickets(EventStore store) {
    // tag::subscription[]
    Subscription openTickets =
        Subscriptions.of(store)
            .create("open-tickets")
            .category("ticket")
            .onFailure(FailurePolicy.retry(3).thenPark())
            .handler(OpenTickets.HANDLER)
            .start();
    // end::subscription[]
    return openTickets;
  }

  private static Follower follow(EventStore store, AtomicLong seen) {
    // tag::follower[]
    Follower counter =
        Subscriptions.of(store)
            .follow(EventQuery.all().categories("ticket"))
            .handler(events -> seen.addAndGet(events.size()))
            .start();
    // end::follower[]
    return counter;
  }

  private void forget(StreamId stream, long version) {
    // tag::erase[]
    Eraser eraser = Eraser.of(privacy, Release.SCHEMA);
    eraser.erase(stream, version, "asked for by the customer");
    // end::erase[]
  }

  /** The final contents of the table, the follower and the store. */
  record Outcome(
      Map<String, String> open,
      long seen,
      RecordedEvent erased,
      Ticket afterErasing,
      boolean healthy) {}
}
