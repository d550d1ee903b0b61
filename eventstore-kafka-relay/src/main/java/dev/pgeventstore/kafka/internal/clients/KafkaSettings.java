package dev.pgeventstore.kafka.internal.clients;

import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.MetadataRecoveryStrategy;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The settings of the three kinds of Kafka clients, made from those the application gave; what
 * makes the clients, and the scheduler by which all that talks to Kafka waits.
 */
public final class KafkaSettings {

  /** What the relay's promises rest on. */
  private static final List<String> NOT_TO_BE_SET =
      List.of(
          ProducerConfig.TRANSACTIONAL_ID_CONFIG,
          ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG,
          ProducerConfig.ACKS_CONFIG,
          ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG,
          ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG,
          ConsumerConfig.ISOLATION_LEVEL_CONFIG,
          ConsumerConfig.GROUP_ID_CONFIG);

  private static final int DEFAULT_TRANSACTION_TIMEOUT_MILLIS = 30_000;
  private static final int SHORTEST_TRANSACTION_TIMEOUT_MILLIS = 1_000;

  /** Several brokers can be asked within the time that a lane allows for an answer. */
  private static final int REQUEST_TIMEOUT_MILLIS = 4_000;

  /** What lingers is sent by the commit, so nobody waits for it. */
  private static final int LINGERS_MILLIS = 5;

  private final Map<String, Object> given;
  private final KafkaClients clients;
  private final Scheduler scheduler;

  /** Addresses of brokers that led partitions when Kafka answered last; empty before. */
  private volatile Set<String> leaders = Set.of();

  public KafkaSettings(Map<String, ?> given) {
    this(given, KafkaClients.real(), Scheduler.threads());
  }

  public KafkaSettings(Map<String, ?> given, KafkaClients clients, Scheduler scheduler) {
    this.clients = clients;
    this.scheduler = scheduler;
    for (String name : given.keySet()) {
      if (NOT_TO_BE_SET.contains(name.replaceFirst("^(producer|consumer|admin)\\.", ""))) {
        throw new IllegalArgumentException(
            "the relay sets %s itself: leave it out of the Kafka configuration".formatted(name));
      }
    }
    if (!given.containsKey(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG)) {
      throw new IllegalArgumentException("the Kafka configuration has no bootstrap.servers");
    }
    this.given = Map.copyOf(given);
    if (transactionTimeoutMillis() < SHORTEST_TRANSACTION_TIMEOUT_MILLIS) {
      throw new IllegalArgumentException(
          "transaction.timeout.ms is %d or more, not %d: no transaction would be at its end before"
              .formatted(SHORTEST_TRANSACTION_TIMEOUT_MILLIS, transactionTimeoutMillis()));
    }
    try {
      KafkaClients.whereKafkaIsSeen(
          () ->
              List.of(
                  new ProducerConfig(transactionalProducer("not used")),
                  new ProducerConfig(idempotentProducer()),
                  new ConsumerConfig(consumer()),
                  new AdminClientConfig(admin())));
    } catch (ConfigException e) {
      throw new IllegalArgumentException("the Kafka configuration is wrong: " + e.getMessage(), e);
    }
  }

  public KafkaSettings on(KafkaClients otherClients, Scheduler otherScheduler) {
    return new KafkaSettings(given, otherClients, otherScheduler);
  }

  public KafkaClients clients() {
    return clients;
  }

  public Scheduler scheduler() {
    return scheduler;
  }

  public Duration transactionTimeout() {
    return Duration.ofMillis(transactionTimeoutMillis());
  }

  public int transactionTimeoutMillis() {
    return number(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, DEFAULT_TRANSACTION_TIMEOUT_MILLIS);
  }

  /** The most bytes of one record that the producer sends. */
  public int maxRequestSize() {
    return number(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, 1_048_576);
  }

  private int number(String name, int byDefault) {
    Object value = given.getOrDefault("producer." + name, given.get(name));
    try {
      return value == null ? byDefault : Integer.parseInt(value.toString());
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("%s is a number, not '%s'".formatted(name, value), e);
    }
  }

  /**
   * Tells which brokers lead partitions now. Producers and consumers that are made from now on
   * begin with these in place of the bootstrap servers. A broker that stands still accepts
   * connections and answers nothing, so that each new client that picks it among the bootstrap
   * servers loses some seconds, and a lane needs several clients in a row.
   *
   * @param addresses as {@code bootstrap.servers} has them
   */
  public void leadersAre(Set<String> addresses) {
    leaders = Set.copyOf(addresses);
  }

  private void startAtLeaders(Map<String, Object> settings, String prefix) {
    boolean ofItsOwn =
        Stream.of(prefix, "admin.")
            .anyMatch(each -> given.containsKey(each + ProducerConfig.BOOTSTRAP_SERVERS_CONFIG));
    if (!leaders.isEmpty() && !ofItsOwn) {
      settings.put(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, List.copyOf(leaders));
    }
  }

  public Map<String, Object> transactionalProducer(String transactionalId) {
    Map<String, Object> settings = producer(LINGERS_MILLIS, transactionTimeoutMillis());
    settings.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, transactionTimeoutMillis());
    settings.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transactionalId);
    return settings;
  }

  public Map<String, Object> idempotentProducer() {
    // There is no commit that would send what lingers. And while it is waited for what the first
    // send must know, the lease is not renewed.
    Map<String, Object> settings = producer(0, Math.min(5_000, transactionTimeoutMillis()));
    settings.remove(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG);
    return settings;
  }

  private Map<String, Object> producer(int lingersMillis, int blocksMillis) {
    int transactionTimeout = transactionTimeoutMillis();
    Map<String, Object> settings = new HashMap<>();
    // Whatever takes longer than the transaction may live has failed anyway.
    settings.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, blocksMillis);
    settings.put(
        ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG,
        Math.min(30_000, Math.max(1_000, transactionTimeout / 2)));
    settings.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, Math.max(2_000, transactionTimeout));
    settings.put(ProducerConfig.LINGER_MS_CONFIG, lingersMillis);
    settings.put(ProducerConfig.BATCH_SIZE_CONFIG, 128 * 1024);
    settings.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 16L * 1024 * 1024);
    settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
    quietly(settings);
    settings.putAll(known("producer.", ProducerConfig.configNames()));
    startAtLeaders(settings, "producer.");
    settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    settings.put(ProducerConfig.ACKS_CONFIG, "all");
    settings.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    settings.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    return settings;
  }

  public Map<String, Object> consumer() {
    return consumer(IsolationLevel.READ_COMMITTED);
  }

  public Map<String, Object> consumer(IsolationLevel level) {
    Map<String, Object> settings = new HashMap<>();
    settings.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 100);
    settings.put(ConsumerConfig.REQUEST_TIMEOUT_MS_CONFIG, REQUEST_TIMEOUT_MILLIS);
    quietly(settings);
    settings.putAll(known("consumer.", ConsumerConfig.configNames()));
    startAtLeaders(settings, "consumer.");
    settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, level.toString());
    settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    settings.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    settings.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    settings.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    return settings;
  }

  public Map<String, Object> admin() {
    Map<String, Object> settings = new HashMap<>();
    settings.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, 10_000);
    settings.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, REQUEST_TIMEOUT_MILLIS);
    quietly(settings);
    settings.putAll(known("admin.", AdminClientConfig.configNames()));
    return settings;
  }

  /**
   * With Kafka away clients log each try to connect, twice; and each time they begin again from the
   * bootstrap servers, which is some hundred times a second. Instead, they rest between their
   * tries, and the relay makes new ones.
   */
  private static void quietly(Map<String, Object> settings) {
    settings.put(CommonClientConfigs.RECONNECT_BACKOFF_MS_CONFIG, 1_000L);
    settings.put(CommonClientConfigs.RECONNECT_BACKOFF_MAX_MS_CONFIG, 8_000L);
    settings.put(
        CommonClientConfigs.METADATA_RECOVERY_STRATEGY_CONFIG, MetadataRecoveryStrategy.NONE.name);
  }

  /** Those of a client, and those that no client knows: they may be for a plug-in. */
  public static Map<String, Object> ofClient(Map<String, ?> given, Set<String> names) {
    Map<String, Object> settings = new HashMap<>(given);
    settings.keySet().removeIf(name -> !names.contains(name) && isKnownToAnyClient(name));
    return settings;
  }

  /** What has the client's prefix is for it alone, such as {@code producer.interceptor.classes}. */
  private Map<String, Object> known(String prefix, Set<String> names) {
    Map<String, Object> settings = ofClient(given, names);
    settings.keySet().removeIf(KafkaSettings::isForOneClient);
    given.forEach(
        (name, value) -> {
          if (name.startsWith(prefix)) {
            settings.put(name.substring(prefix.length()), value);
          }
        });
    return settings;
  }

  private static boolean isForOneClient(String name) {
    return name.startsWith("producer.")
        || name.startsWith("consumer.")
        || name.startsWith("admin.");
  }

  private static boolean isKnownToAnyClient(String name) {
    return ProducerConfig.configNames().contains(name)
        || ConsumerConfig.configNames().contains(name)
        || AdminClientConfig.configNames().contains(name);
  }
}
