package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.testkit.InMemoryEventStore;
import dev.pgeventstore.testkit.contracts.AccountEvent;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A store in memory has no leases and no notes, so a relay on it could only retry for ever. */
class RelayInMemoryTest {

  @Test
  void a_relay_on_a_store_in_memory_is_refused_before_it_starts() {
    try (EventStore store =
        InMemoryEventStore.of(JacksonCodec.of(EventTypes.of(AccountEvent.class)))) {
      assertThatThrownBy(
              () ->
                  KafkaRelay.builder(store, Map.of("bootstrap.servers", "127.0.0.1:1"))
                      .name("orders")
                      .topic("orders")
                      .start()
                      .close())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("a store in memory has no relay");
    }
  }
}
