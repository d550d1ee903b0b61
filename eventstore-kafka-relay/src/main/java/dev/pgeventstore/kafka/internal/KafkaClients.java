package dev.pgeventstore.kafka.internal;

import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * Makes Kafka's clients. They look classes up by name in the context class loader of the thread
 * that makes them, their own classes too. Where that is another application's loader, or the
 * system's in an executable jar, it does not see them, so the library's own loader takes its place
 * meanwhile.
 */
public final class KafkaClients {

  private KafkaClients() {}

  /**
   * Makes an admin client.
   *
   * @param settings of the client
   * @return the client, to be closed
   */
  public static Admin admin(Map<String, Object> settings) {
    return whereKafkaIsSeen(() -> Admin.create(settings));
  }

  /**
   * Makes a consumer of bytes.
   *
   * @param settings of the client
   * @return the consumer, to be closed
   */
  public static KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> settings) {
    return whereKafkaIsSeen(
        () ->
            new KafkaConsumer<>(
                settings, new ByteArrayDeserializer(), new ByteArrayDeserializer()));
  }

  /**
   * Makes a producer of bytes.
   *
   * @param settings of the client
   * @return the producer, to be closed
   */
  public static KafkaProducer<byte[], byte[]> producer(Map<String, Object> settings) {
    return whereKafkaIsSeen(
        () -> new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer()));
  }

  /**
   * Does something for which Kafka looks classes up.
   *
   * @param work what is done
   * @param <T> what comes of it
   * @return what came of it
   */
  public static <T> T whereKafkaIsSeen(Supplier<T> work) {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    if (sees(before)) {
      return work.get();
    }
    thread.setContextClassLoader(KafkaClients.class.getClassLoader());
    try {
      return work.get();
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  /** Without a context class loader Kafka takes its own. */
  private static boolean sees(@Nullable ClassLoader loader) {
    if (loader == null) {
      return true;
    }
    try {
      return Class.forName(KafkaProducer.class.getName(), false, loader) == KafkaProducer.class;
    } catch (ClassNotFoundException | LinkageError e) {
      return false;
    }
  }
}
