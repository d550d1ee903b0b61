package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Position;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.clients.KafkaClients;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.lead.Leadership;
import dev.pgeventstore.kafka.internal.lead.LeaseLeadership;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.record.OpenParcel;
import dev.pgeventstore.kafka.internal.record.Outgoing;
import dev.pgeventstore.kafka.internal.record.Parcel;
import dev.pgeventstore.kafka.internal.writer.PipelinedWriter;
import dev.pgeventstore.kafka.internal.writer.TransactionSize;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.Lease;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class PipelinedWriterTest {

  @Test
  void who_lost_the_lead_with_something_not_noted_yet_is_told_and_notes_nothing(
      Database database, KafkaBroker broker) {
    try (Bench bench = new Bench(database, broker);
        Lease lease =
            bench
                .store
                .unwrap(EventFeed.class)
                .orElseThrow()
                .tryLease("relay/a", 0, "me", Duration.ofSeconds(30))
                .orElseThrow()) {
      KafkaSettings settings = new KafkaSettings(bench.kafkaSettings(Map.of()));
      LeaseLeadership leads =
          new LeaseLeadership(
              settings.scheduler(),
              bench.store.unwrap(EventFeed.class).orElseThrow(),
              "relay/b",
              0,
              "me",
              Duration.ofSeconds(30));
      assertThat(leads.acquire()).isTrue();
      PipelinedWriter writer =
          new PipelinedWriter(
              settings,
              lease,
              leads,
              new TransactionSize(settings.transactionTimeout(), Duration.ofSeconds(10)));
      try {
        writer.commit(Map.of("paused", "a test"), () -> {});
        leads.release();
        assertThatThrownBy(writer::finish)
            .isInstanceOf(KafkaException.class)
            .hasMessageContaining("another process may lead");
      } finally {
        writer.close();
      }
      assertThat(lease.notes()).isEmpty();
    }
  }

  /**
   * A broker that has put off the first batch of a producer takes the second one, and the first
   * behind it.
   */
  @Test
  void to_a_partition_the_first_record_goes_alone() throws Exception {
    MockProducer<byte[], byte[]> producer =
        new MockProducer<>(false, null, new ByteArraySerializer(), new ByteArraySerializer());
    PipelinedWriter writer = writer(producer);
    Thread sending = new Thread(() -> writer.send(parcel(0, 1, 0, 0)));
    sending.start();

    await().atMost(Bench.PATIENCE).until(() -> waitsOrHasEnded(sending));
    assertThat(partitions(producer)).containsExactly(0, 1);
    assertThat(producer.completeNext()).isTrue();
    sending.join(Bench.PATIENCE.toMillis());
    assertThat(partitions(producer)).containsExactly(0, 1, 0, 0);
  }

  private static boolean waitsOrHasEnded(Thread thread) {
    return thread.getState() == Thread.State.TIMED_WAITING || !thread.isAlive();
  }

  private static List<Integer> partitions(MockProducer<byte[], byte[]> producer) {
    return producer.history().stream().map(ProducerRecord::partition).toList();
  }

  private static PipelinedWriter writer(MockProducer<byte[], byte[]> producer) {
    KafkaClients clients =
        new KafkaClients() {
          @Override
          public Admin admin(Map<String, Object> settings) {
            throw new UnsupportedOperationException();
          }

          @Override
          public Consumer<byte[], byte[]> consumer(Map<String, Object> settings) {
            throw new UnsupportedOperationException();
          }

          @Override
          public Producer<byte[], byte[]> producer(Map<String, Object> settings) {
            return producer;
          }
        };
    KafkaSettings settings =
        new KafkaSettings(Map.of("bootstrap.servers", "127.0.0.1:1"), clients, Scheduler.threads());
    return new PipelinedWriter(
        settings,
        new Lease() {
          @Override
          public long epoch() {
            return 1;
          }

          @Override
          public boolean renew() {
            return true;
          }

          @Override
          public Map<String, String> notes() {
            return Map.of();
          }

          @Override
          public boolean note(Map<String, @Nullable String> changes) {
            return true;
          }

          @Override
          public boolean replaceNote(
              String incarnation, String name, @Nullable String expected, String text) {
            return true;
          }

          @Override
          public void close() {}
        },
        Leadership.NOT_NEEDED,
        new TransactionSize(settings.transactionTimeout(), Duration.ofSeconds(10)));
  }

  private static Parcel parcel(int... partitions) {
    OpenParcel parcel = new OpenParcel();
    for (int i = 0; i < partitions.length; i++) {
      Position position = Position.of(i + 1);
      parcel.add(
          new Outgoing(
              new ProducerRecord<>("orders", partitions[i], new byte[0], new byte[0]), position),
          new TopicPartition("orders", partitions[i]),
          new RecordPlace(position, 0),
          1);
    }
    Position last = Position.of(partitions.length);
    return parcel.build(last, last, Optional.empty());
  }
}
