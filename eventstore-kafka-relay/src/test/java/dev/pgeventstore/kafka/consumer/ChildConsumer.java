package dev.pgeventstore.kafka.consumer;

import com.zaxxer.hikari.HikariDataSource;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A consumer to be killed: a loop of one's own, as the documentation shows it. */
final class ChildConsumer {

  /** Where it waits to be killed. */
  enum Moment {
    /** The handler has written, and nothing is committed. */
    IN_HANDLER,
    /** The database has committed, and the offsets are not. */
    BEFORE_OFFSETS
  }

  private ChildConsumer() {}

  /** Runs to the moment: database URL, bootstrap servers, topic, group, moment, after how many. */
  public static void main(String[] arguments) throws Exception {
    Moment moment = Moment.valueOf(arguments[4]);
    int transactions = Integer.parseInt(arguments[5]);
    WatermarkInbox inbox = ConsumerBench.inbox(arguments[3]);
    Map<String, Object> settings = new HashMap<>(ConsumerBench.kafka(arguments[1]));
    settings.put("group.id", inbox.group());
    settings.put("isolation.level", "read_committed");
    settings.put("auto.offset.reset", "earliest");
    settings.put("enable.auto.commit", false);
    settings.put("max.poll.records", 20);
    try (HikariDataSource pool = ConsumerBench.pool(arguments[0]);
        KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(
                settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of(arguments[2]));
      int begun = 0;
      while (true) {
        ConsumerRecords<byte[], byte[]> polled = consumer.poll(Duration.ofMillis(200));
        for (TopicPartition partition : polled.partitions()) {
          boolean last = ++begun == transactions;
          inbox.handle(
              pool,
              polled.records(partition),
              batch -> {
                ConsumerBench.work(batch);
                if (last && moment == Moment.IN_HANDLER) {
                  waitForTheEnd();
                }
              });
          if (last) {
            waitForTheEnd();
          }
        }
        consumer.commitSync();
      }
    }
  }

  private static void waitForTheEnd() throws InterruptedException {
    System.out.println("now");
    Thread.sleep(Duration.ofMinutes(5).toMillis());
  }
}
