package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.Test;

class DeadLettersTest {

  @Test
  void the_original_has_all_headers_that_it_had_whatever_their_names_are() {
    Records sent = Records.message(Place.of(5, 0), Place.START).header("dl_reference", "A 38");
    ConsumerRecord<byte[], byte[]> record = sent.make();
    ConsumerRecord<byte[], byte[]> letter =
        sent.header("dl_topic", "orders")
            .header("dl_partition", "2")
            .header("dl_offset", "17")
            .header("dl_timestamp", "1000")
            .header("dl_group", "billing")
            .header("dl_exception", "java.lang.IllegalStateException")
            .header("dl_message", "no such account")
            .header("dl_attempts", "6")
            .make();

    ConsumerRecord<byte[], byte[]> original = DeadLetters.original(letter);
    assertThat(original.headers().toArray()).isEqualTo(record.headers().toArray());
    assertThat(original.headers()).extracting(Header::key).contains("dl_reference");
    assertThat(original.offset()).isEqualTo(17);
    assertThat(original.partition()).isEqualTo(2);
  }
}
