package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.RecordedMessage;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Relays whose store does what a store never does. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class RelayBordersTest {

  private Bench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  @Test
  void a_relay_that_is_given_an_event_twice_halts_and_does_not_send_it_again() {
    bench.append("order-1", 3);
    try (KafkaRelay relay = relay("open", Repeating::new).start()) {
      await().atMost(Bench.PATIENCE).until(() -> bench.consumed().size() == 3);
      bench.append("order-1", 2);

      requireHalted(relay, "is at position 3", "4 events from position 2 on");
    }
    ExactSequence.check(bench.stored().subList(0, 3), bench.consumed());
  }

  @Test
  void a_relay_that_is_given_a_message_twice_halts_and_does_not_send_it_again() {
    bench.append("order-1", 1);
    RecordedMessage repeated =
        RecordedMessage.of(
            Position.of(1),
            OutboxMessage.to("relay-of-" + bench.topic, bench.topic).json("{}"),
            Instant.EPOCH);
    try (KafkaRelay relay = relay("messages", messages -> List.of(repeated)).start()) {
      requireHalted(relay, "all up to position 1", "what stands at 1");
    }
  }

  private static void requireHalted(KafkaRelay relay, String... facts) {
    await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
    assertThat(relay.status().reason().orElseThrow()).contains(facts);
    assertThat(relay.status().complaint()).isPresent();
  }

  /** A relay of a store one method of whose feed answers with something else. */
  private KafkaRelay.Builder relay(String method, Lie lie) {
    EventFeed feed =
        proxy(
            bench.store.unwrap(EventFeed.class).orElseThrow(),
            EventFeed.class,
            (name, answer) -> name.equals(method) ? lie.instead(answer) : answer);
    EventStore store =
        proxy(
            bench.store,
            EventStore.class,
            (name, answer) -> name.equals("unwrap") ? Optional.of(feed) : answer);
    return KafkaRelay.builder(store, bench.kafkaSettings(Map.of()))
        .name("relay-of-" + bench.topic)
        .topic(bench.topic);
  }

  private static <T> T proxy(T of, Class<T> type, Answers answers) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, arguments) -> {
              try {
                return answers.instead(method.getName(), method.invoke(of, arguments));
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            }));
  }

  private interface Lie {
    Object instead(Object answer);
  }

  private interface Answers {
    Object instead(String method, Object answer);
  }

  /** From its second page with events on it begins two events too early. */
  private static final class Repeating implements FeedReader {

    private final FeedReader reader;
    private List<RecordedEvent> before = List.of();

    Repeating(Object reader) {
      this.reader = (FeedReader) reader;
    }

    @Override
    public EventPage next(int limit, Duration maxWait) throws InterruptedException {
      EventPage page = reader.next(limit, maxWait);
      if (page.events().isEmpty()) {
        return page;
      }
      List<RecordedEvent> events =
          new ArrayList<>(before.subList(Math.max(0, before.size() - 2), before.size()));
      events.addAll(page.events());
      before = page.events();
      return EventPage.of(events, page.upTo(), page.highWaterMark());
    }

    @Override
    public String incarnation() {
      return reader.incarnation();
    }

    @Override
    public void close() {
      reader.close();
    }
  }
}
