package dev.pgeventstore.kafka.internal.clients;

import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * Makes Kafka's clients: those of kafka-clients in production, in the simulation those of a
 * simulated broker. Whatever needs a client asks for it here.
 */
public interface KafkaClients {

  /**
   * Makes clients that talk to a cluster.
   *
   * @return the one instance
   */
  static KafkaClients real() {
    return Real.INSTANCE;
  }

  /**
   * Makes an admin client.
   *
   * @param settings of the client
   * @return the client, to be closed
   */
  Admin admin(Map<String, Object> settings);

  /**
   * Makes a consumer of bytes.
   *
   * @param settings of the client
   * @return the consumer, to be closed
   */
  Consumer<byte[], byte[]> consumer(Map<String, Object> settings);

  /**
   * Makes a producer of bytes.
   *
   * @param settings of the client
   * @return the producer, to be closed
   */
  Producer<byte[], byte[]> producer(Map<String, Object> settings);

  /**
   * Does something for which Kafka looks classes up by name. It does so in the context class loader
   * of the thread, for its own classes too. Where that is another application's loader, or the
   * system's in an executable jar, it does not see them, so the library's own loader takes its
   * place meanwhile.
   *
   * @param work what is done
   * @param <T> what comes of it
   * @return what came of it
   */
  static <T> T whereKafkaIsSeen(Supplier<T> work) {
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

  /** Clients of kafka-clients. */
  enum Real implements KafkaClients {
    INSTANCE;

    @Override
    public Admin admin(Map<String, Object> settings) {
      return KafkaClients.whereKafkaIsSeen(() -> Admin.create(settings));
    }

    @Override
    public Consumer<byte[], byte[]> consumer(Map<String, Object> settings) {
      return KafkaClients.whereKafkaIsSeen(
          () ->
              new KafkaConsumer<>(
                  settings, new ByteArrayDeserializer(), new ByteArrayDeserializer()));
    }

    @Override
    public Producer<byte[], byte[]> producer(Map<String, Object> settings) {
      return KafkaClients.whereKafkaIsSeen(
          () ->
              new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer()));
    }
  }
}
