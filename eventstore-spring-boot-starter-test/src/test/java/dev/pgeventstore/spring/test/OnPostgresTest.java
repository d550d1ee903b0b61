package dev.pgeventstore.spring.test;

import static dev.pgeventstore.ExpectedVersion.noStream;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventType;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.test.context.SpringBootTest;

/** The starters as a user has them. */
@SpringBootTest(properties = "spring.datasource.url=jdbc:postgresql://127.0.0.1:1/of-production")
@OnPostgres
class OnPostgresTest {

  @EventType(name = "something-happened")
  record Happened(String what) {}

  @SpringBootApplication
  static class Application {}

  @Autowired EventStore store;

  @Test
  void the_application_has_a_store_on_a_real_server() {
    StreamId stream = StreamId.of("thing", "1");
    store.append(stream, noStream(), List.of(new Happened("here")));

    assertThat(store.read(stream).get(0).payload()).isEqualTo(new Happened("here"));
  }

  @Test
  void jackson_2_is_not_what_the_starter_brings_as_a_codec() {
    assertThat(getClass().getClassLoader().getResource("dev/pgeventstore/codec/jackson")).isNull();
  }
}
