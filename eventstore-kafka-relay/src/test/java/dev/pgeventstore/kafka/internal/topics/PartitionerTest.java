package dev.pgeventstore.kafka.internal.topics;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.junit.jupiter.api.Test;

class PartitionerTest {

  @Test
  void streams_go_where_kafkas_default_partitioner_would_send_them() {
    for (int stream = 0; stream < 1_000; stream++) {
      byte[] key = ("order-ö" + stream).getBytes(UTF_8);
      assertThat(new Partitioner(12).partition(key))
          .isEqualTo(BuiltInPartitioner.partitionForKey(key, 12));
    }
  }
}
