package dev.pgeventstore.examples.spring.first;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.examples.spring.first.FirstEvent.OrderPlaced;
import dev.pgeventstore.spring.test.OnPostgres;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;

@SpringBootTest
@OnPostgres
class FirstEventTest {

  @Autowired EventStore store;

  @Test
  void the_first_event_is_stored_when_the_application_has_started() {
    assertThat(store.read(StreamId.of("order", "1")))
        .extracting(event -> event.payload())
        .containsExactly(new OrderPlaced("book"));
  }

  @Test
  void the_starter_does_not_bring_the_codec_on_jackson_2() {
    assertThat(getClass().getResource("/dev/pgeventstore/codec/jackson3/JacksonCodec.class"))
        .isNotNull();
    assertThat(getClass().getResource("/dev/pgeventstore/codec/jackson/JacksonCodec.class"))
        .isNull();
  }
}
