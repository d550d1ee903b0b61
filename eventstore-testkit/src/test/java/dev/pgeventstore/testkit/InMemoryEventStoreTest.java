package dev.pgeventstore.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.testkit.contracts.AccountEvent;
import dev.pgeventstore.testkit.contracts.AccountEvent.Opened;
import dev.pgeventstore.testkit.contracts.EventStoreContract;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.Test;

class InMemoryEventStoreTest extends EventStoreContract {

  @Override
  protected EventStore newStore(EventCodec codec) {
    return InMemoryEventStore.of(codec);
  }

  @Test
  void its_time_is_the_tests() {
    Instant now = Instant.parse("2026-01-02T03:04:05.123456789Z");
    StreamId stream = StreamId.parse("account-1");
    try (EventStore fixed =
        InMemoryEventStore.builder(JacksonCodec.of(EventTypes.of(AccountEvent.class)))
            .clock(Clock.fixed(now, ZoneOffset.UTC))
            .build()) {
      fixed.append(stream, ExpectedVersion.any(), List.of(new Opened("ann")));
      assertThat(fixed.read(stream).get(0).recordedAt())
          .isEqualTo(Instant.parse("2026-01-02T03:04:05.123456Z"));
    }
  }
}
