package dev.pgeventstore.kafka;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.postgres.PostgresEventStore;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A relay whose listener hangs, in a process of its own, so that its log can be read. It skips the
 * events of stream {@code sick-1}, each of which is a call of the listener.
 */
final class HangingListenerMain {

  private HangingListenerMain() {}

  /** Runs until it is killed: database URL, topic, bootstrap servers, last position. */
  public static void main(String[] arguments) throws Exception {
    Position last = Position.of(Long.parseLong(arguments[3]));
    CloudEvents events = CloudEvents.from("/test");
    Hanging listener = new Hanging();
    try (HikariDataSource pool = Bench.pool(arguments[0]);
        PostgresEventStore store = Bench.store(pool);
        KafkaRelay relay =
            Bench.relay(store, Map.of("bootstrap.servers", arguments[2]), arguments[1], Shape.USUAL)
                .mapper(
                    event -> {
                      if (event.stream().toString().equals("sick-1")) {
                        throw new IllegalStateException("on purpose");
                      }
                      return events.map(event);
                    })
                .onPoison(PoisonPolicy.decide(poison -> PoisonPolicy.Decision.SKIP))
                .listener(listener)
                .start()) {
      relay.awaitPublished(last, Bench.PATIENCE);
      // The next transaction begins when all has been told of the one before.
      relay.awaitPublished(
          store.append(
              StreamId.of("order", "1"),
              ExpectedVersion.any(),
              List.of(EncodedEvent.of("happened", 1, "{}"))),
          Bench.PATIENCE);
      System.out.println("published, heard " + listener.heard);
      listener.goOn.countDown();
      long before = -1;
      while (true) {
        long heard = listener.heard.get();
        if (heard != before) {
          System.out.println("heard " + heard);
        }
        before = heard;
        Thread.sleep(100);
      }
    }
  }

  private static final class Hanging implements RelayListener {
    final AtomicLong heard = new AtomicLong();
    final CountDownLatch goOn = new CountDownLatch(1);

    @Override
    public void led(Led lane) {
      hear();
    }

    @Override
    public void poisoned(Poisoned poison) {
      hear();
    }

    @Override
    public void committed(Committed transaction) {
      hear();
    }

    private void hear() {
      try {
        goOn.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      heard.incrementAndGet();
    }
  }
}
