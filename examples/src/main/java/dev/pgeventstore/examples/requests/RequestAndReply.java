package dev.pgeventstore.examples.requests;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.requests.Command.Announce;
import dev.pgeventstore.examples.requests.Command.Book;
import dev.pgeventstore.examples.requests.Reply.Accepted;
import dev.pgeventstore.examples.requests.Reply.Refused;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * How does the sender of a command learn whether it was accepted, although views follow the events
 * later? The command's handler replies immediately, with the reason of a refusal or with the
 * position of the events. The sender waits until the view has applied that position, and then reads
 * its own write.
 *
 * <p>It starts its own PostgreSQL server, and removes it when it ends.
 */
public final class RequestAndReply {

  private static final String SEMINAR = "event-sourcing";
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final DataSource database;
  private final EventStore store;
  private final CommandHandler commands;
  private final Consumer<String> tell;

  RequestAndReply(DataSource database, EventStore store, Consumer<String> tell) {
    this.database = database;
    this.store = store;
    this.commands = new CommandHandler(store);
    this.tell = tell;
  }

  /**
   * Runs the example.
   *
   * @param arguments none
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    try (PostgresServer server = PostgresServer.start();
        HikariDataSource pool = Pools.of(server.createDatabase().url(), 12);
        EventStore store = store(pool)) {
      new RequestAndReply(pool, store, System.out::println).run(25, 40);
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(SeminarEvent.class)))
        .build();
  }

  /** Lets more people book at the same time than there are seats. */
  Outcome run(int seats, int people) throws Exception {
    SeatList.createTable(database);
    Reply early = commands.handle(new Book(SEMINAR, "Eve"));
    tell.accept("Eve wants a seat, before the seminar is announced: " + early);
    commands.handle(new Announce(SEMINAR, seats));

    Map<String, Visit> visits = new TreeMap<>();
    ExecutorService desks = Executors.newFixedThreadPool(8);
    try (Subscription view = SeatList.follow(store)) {
      List<Future<Visit>> running = new ArrayList<>();
      for (int i = 1; i <= people; i++) {
        String person = "person " + i;
        running.add(desks.submit(() -> visit(person, view)));
      }
      for (Future<Visit> visit : running) {
        visits.put(visit.get().person(), visit.get());
      }
    } finally {
      desks.shutdown();
    }
    String first = SeatList.of(SEMINAR, database).iterator().next();
    Reply again = commands.handle(new Book(SEMINAR, first));
    tell.accept("%s wants another one: %s".formatted(first, again));
    return new Outcome(early, visits, again, SeatList.of(SEMINAR, database));
  }

  private Visit visit(String person, Subscription view) throws Exception {
    Reply reply = commands.handle(new Book(SEMINAR, person));
    if (reply instanceof Accepted accepted) {
      // After this call, the list includes the person.
      view.awaitApplied(accepted.appended(), PATIENCE);
      boolean seen = SeatList.of(SEMINAR, database).contains(person);
      tell.accept("%s has a seat, and is %son the list.".formatted(person, seen ? "" : "not "));
      return new Visit(person, reply, seen);
    }
    tell.accept("%s has no seat: %s.".formatted(person, ((Refused) reply).reason()));
    return new Visit(person, reply, SeatList.of(SEMINAR, database).contains(person));
  }

  /** The reply to a person, and whether the list included the person afterwards. */
  record Visit(String person, Reply reply, boolean seen) {}

  /** All replies, and the people who are on the list in the end. */
  record Outcome(Reply early, Map<String, Visit> visits, Reply again, Set<String> list) {}
}
