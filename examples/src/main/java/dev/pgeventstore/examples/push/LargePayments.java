package dev.pgeventstore.examples.push;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.push.PaymentEvent.Received;
import dev.pgeventstore.examples.push.PaymentEvent.Returned;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * Another application needs all payments of 1,000.00 or more immediately, and nothing else. It does
 * not poll: the events are pushed to it.
 *
 * <p>It starts its own PostgreSQL server and HTTP server on 127.0.0.1, and stops both when it ends.
 */
public final class LargePayments {

  private static final long LARGE = 1_000_00;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final EventStore store;
  private final Receiver receiver;
  private final Consumer<String> tell;
  private int payments;

  LargePayments(EventStore store, Receiver receiver, Consumer<String> tell) {
    this.store = store;
    this.receiver = receiver;
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
        HikariDataSource pool = Pools.of(server.createDatabase().url(), 6);
        EventStore store = store(pool);
        Receiver receiver = new Receiver()) {
      new LargePayments(store, receiver, System.out::println).run();
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(PaymentEvent.class)))
        .build();
  }

  void run() throws InterruptedException, TimeoutException {
    pay(10);
    tell.accept("10 payments were made before the subscriber started. They are not pushed.");
    Map<String, Instant> committed = new TreeMap<>();
    try (PushSubscriber subscriber = new PushSubscriber(store, receiver.address(), LARGE)) {
      for (int i = 0; i < 40; i++) {
        AppendResult payment = pay(1);
        committed.put("payment-" + payments, Instant.now());
        subscriber.awaitPushed(payment, PATIENCE);
      }
    }
    say("pushed one by one");
    tell.accept("The median arrived %.1f ms after its commit.".formatted(median(committed)));

    pay(40);
    try (PushSubscriber again = new PushSubscriber(store, receiver.address(), LARGE)) {
      again.awaitPushed(pay(1), PATIENCE);
    }
    say("pushed, including those made while the subscriber was stopped");
  }

  /** Every third payment is large, and every fifth is returned. */
  private AppendResult pay(int times) {
    AppendResult last = null;
    for (int i = 0; i < times; i++) {
      StreamId payment = StreamId.of("payment", Integer.toString(++payments));
      long cents = payments % 3 == 0 ? LARGE + payments : payments;
      last = store.append(payment, ExpectedVersion.noStream(), List.of(new Received(cents)));
      if (payments % 5 == 0) {
        last =
            store.append(payment, ExpectedVersion.exactly(1), List.of(new Returned("no account")));
      }
    }
    if (last == null) {
      throw new IllegalArgumentException("there are no payments");
    }
    return last;
  }

  private void say(String what) {
    tell.accept(
        "%d large payments %s, in %d requests."
            .formatted(receiver.taken().size(), what, receiver.requests()));
  }

  private double median(Map<String, Instant> committed) {
    List<Long> micros = new ArrayList<>();
    for (Receiver.Taken taken : receiver.taken()) {
      Instant commit = committed.get(taken.stream());
      if (commit != null) {
        micros.add(Math.max(0, taken.since(commit).toNanos() / 1_000));
      }
    }
    micros.sort(null);
    return micros.get(micros.size() / 2) / 1_000.0;
  }
}
