package dev.pgeventstore.kafka.internal.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Kafka's clients are made whatever the thread's context class loader is. */
class KafkaClientsTest {

  private static final Map<String, Object> SETTINGS =
      Map.of("bootstrap.servers", "127.0.0.1:1", "group.id", "group");

  /** What a thread may have while the library is in the class path of the tests. */
  enum ContextLoader {
    NONE,
    PLATFORM,
    /** Of another application, which has its own copy of Kafka's classes. */
    FOREIGN;

    ClassLoader open() {
      return switch (this) {
        case NONE -> null;
        case PLATFORM -> ClassLoader.getPlatformClassLoader();
        case FOREIGN ->
            new URLClassLoader(
                new URL[] {KafkaProducer.class.getProtectionDomain().getCodeSource().getLocation()},
                ClassLoader.getPlatformClassLoader());
      };
    }
  }

  @ParameterizedTest
  @EnumSource
  void clients_are_made_whatever_the_threads_context_class_loader_is(ContextLoader context) {
    ClassLoader loader = context.open();
    in(
        loader,
        () -> {
          KafkaClients.real().admin(SETTINGS).close();
          KafkaClients.real().consumer(SETTINGS).close();
          KafkaClients.real().producer(SETTINGS).close();
          assertThat(Thread.currentThread().getContextClassLoader()).isSameAs(loader);
        });
  }

  @Test
  void plug_ins_of_the_application_are_found_by_its_own_loader() {
    Set<String> asked = new HashSet<>();
    ClassLoader application =
        new ClassLoader(getClass().getClassLoader()) {
          @Override
          protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            asked.add(name);
            return super.loadClass(name, resolve);
          }
        };
    Map<String, Object> settings = new HashMap<>(SETTINGS);
    settings.put("interceptor.classes", Plugin.class.getName());
    in(application, () -> KafkaClients.real().consumer(settings).close());
    assertThat(asked).contains(Plugin.class.getName());
  }

  @Test
  void all_clients_are_made_here() throws IOException {
    List<Path> sources;
    try (Stream<Path> all = Files.walk(Path.of("src/main/java"))) {
      sources = all.filter(file -> file.toString().endsWith(".java")).toList();
    }
    for (Path source : sources) {
      if (!source.endsWith("KafkaClients.java")) {
        assertThat(Files.readString(source))
            .as("%s", source)
            .doesNotContain("new KafkaConsumer<", "new KafkaProducer<", "Admin.create(");
      }
    }
  }

  private static void in(ClassLoader loader, Runnable work) {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    thread.setContextClassLoader(loader);
    try {
      work.run();
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  /** A plug-in. */
  public static final class Plugin implements ConsumerInterceptor<byte[], byte[]> {
    @Override
    public ConsumerRecords<byte[], byte[]> onConsume(ConsumerRecords<byte[], byte[]> records) {
      return records;
    }

    @Override
    public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {}

    @Override
    public void close() {}

    @Override
    public void configure(Map<String, ?> configs) {}
  }
}
