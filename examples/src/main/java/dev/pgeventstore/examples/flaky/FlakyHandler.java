package dev.pgeventstore.examples.flaky;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.flaky.InvoiceEvent.Corrected;
import dev.pgeventstore.examples.flaky.InvoiceEvent.Issued;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.ParkedEvents.Replay;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * The handler fails. Failed events are retried. If retries do not help, the event is parked
 * together with the later events of its stream, and the other streams continue. When the cause is
 * fixed, the parked events are handled in their order. An event that can never be handled is
 * discarded with a reason.
 *
 * <p>It starts its own PostgreSQL server, and removes it when it ends.
 */
public final class FlakyHandler {

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int MANY = 100;

  private final EventStore store;
  private final TaxOffice office = new TaxOffice();
  private final TaxBook book;
  private final Consumer<String> tell;

  FlakyHandler(DataSource database, EventStore store, Consumer<String> tell) {
    this.store = store;
    this.book = new TaxBook(database, office);
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
        HikariDataSource pool = Pools.of(server.createDatabase().url(), 10);
        EventStore store = store(pool)) {
      new FlakyHandler(pool, store, System.out::println).run();
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(InvoiceEvent.class)))
        .build();
  }

  Outcome run() throws SQLException, InterruptedException, TimeoutException {
    book.create();
    try (Subscription taxes = follow()) {
      for (int i = 1; i <= 40; i++) {
        issue(i);
      }
      AppendResult last = correct(13, "AT", 9_000);
      last = correct(1, "DE", 50);
      // Other streams continue. Waiting for a parked event would end with an EventParkedException.
      taxes.awaitApplied(last, PATIENCE);
      List<TaxBook.Entry> first = book.entries();
      List<ParkedEvent> parked = taxes.parked().list(MANY);
      tell.accept("%d events are in the book, these are not:".formatted(first.size()));
      parked.forEach(this::tell);

      office.learn("AT", 20);
      Replay replay = taxes.parked().replay();
      tell.accept(
          "Now there is a rate for AT. %d events were entered.".formatted(replay.handled()));

      ParkedEvent hopeless = taxes.parked().list(MANY).get(0);
      tell(hopeless);
      boolean discarded =
          taxes.parked().discard(hopeless.position(), "a typing error, the invoice was not sent");
      AppendResult next = correct(27, "FR", 2_700);
      taxes.awaitApplied(next, PATIENCE);
      tell.accept("It was discarded. Invoice 27 continues with its next event.");
      return new Outcome(first, parked, replay, discarded, book.entries(), taxes.parked().count());
    }
  }

  private Subscription follow() {
    return Subscriptions.of(store)
        .create("taxes")
        .category("invoice")
        .onFailure(
            FailurePolicy.retry(3)
                .backOff(Duration.ofMillis(10), Duration.ofMillis(100))
                .thenPark())
        .handler(book::enter)
        .start();
  }

  private AppendResult issue(int number) {
    String country = number == 13 ? "AT" : number % 2 == 0 ? "DE" : "FR";
    long cents = number == 27 ? -1 : number * 100L;
    return store.append(
        invoice(number), ExpectedVersion.noStream(), List.of(new Issued(country, cents)));
  }

  private AppendResult correct(int number, String country, long cents) {
    return store.append(
        invoice(number), ExpectedVersion.exactly(1), List.of(new Corrected(country, cents)));
  }

  private static StreamId invoice(int number) {
    return StreamId.of("invoice", Integer.toString(number));
  }

  private void tell(ParkedEvent event) {
    tell.accept(
        "  %s version %d: %s"
            .formatted(
                event.stream(),
                event.version(),
                event.error().orElse("waits for the one before it")));
  }

  /**
   * The results of the run.
   *
   * @param first the book before the cause was fixed
   * @param parked the events that were parked then
   * @param replay the result of the replay
   * @param discarded whether the event that can never be handled was discarded
   * @param last the final book
   * @param stillParked the number of events that are still parked
   */
  record Outcome(
      List<TaxBook.Entry> first,
      List<ParkedEvent> parked,
      Replay replay,
      boolean discarded,
      List<TaxBook.Entry> last,
      long stillParked) {}
}
