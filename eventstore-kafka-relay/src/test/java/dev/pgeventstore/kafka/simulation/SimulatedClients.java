package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.kafka.internal.clients.KafkaClients;
import dev.pgeventstore.kafka.simulation.SimulatedBroker.Entry;
import dev.pgeventstore.kafka.simulation.SimulatedBroker.State;
import dev.pgeventstore.kafka.simulation.SimulatedBroker.Topic;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeConfigsResult;
import org.apache.kafka.clients.admin.DescribeTopicsResult;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.internals.KafkaFutureImpl;
import org.jspecify.annotations.Nullable;

/** Kafka's clients of a node. They have the methods that the relay calls, and no others. */
final class SimulatedClients implements KafkaClients {

  private static final long PATIENCE = 5_000_000_000L;
  private static final Node BROKER = new Node(1, "simulated", 9092);

  final SimulatedScheduler scheduler;
  final SimulatedScheduler.Node process;
  final SimulatedBroker broker;

  /** How many answers there are to one that is lost; 0 for none. */
  int loseOneIn;

  /** Whether its password is wrong: nothing it asks for is done. */
  boolean isRefused;

  SimulatedClients(
      SimulatedScheduler scheduler,
      SimulatedScheduler.Node process,
      SimulatedBroker broker,
      int loseOneIn) {
    this.scheduler = scheduler;
    this.process = process;
    this.broker = broker;
    this.loseOneIn = loseOneIn;
  }

  /** What a client asks for, and how it ends. */
  <T> T ask(long patience, Supplier<T> request) {
    if (isRefused) {
      scheduler.sleep(1_000_000);
      throw new SaslAuthenticationException("the password is wrong");
    }
    broker.request(patience);
    T answer = request.get();
    scheduler.point();
    if (scheduler.oneIn(loseOneIn)) {
      scheduler.note("an answer is lost");
      scheduler.sleep(patience);
      throw new org.apache.kafka.common.errors.TimeoutException("no answer has come");
    }
    return answer;
  }

  @Override
  public Admin admin(Map<String, Object> settings) {
    return only(Admin.class, new SimulatedAdmin());
  }

  @Override
  @SuppressWarnings("unchecked")
  public Consumer<byte[], byte[]> consumer(Map<String, Object> settings) {
    boolean committed = "read_committed".equals(settings.get("isolation.level"));
    return only(Consumer.class, new SimulatedConsumer(committed));
  }

  @Override
  @SuppressWarnings("unchecked")
  public Producer<byte[], byte[]> producer(Map<String, Object> settings) {
    return only(Producer.class, new SimulatedProducer(this, settings));
  }

  List<PartitionInfo> partitions(String topic, Duration timeout) {
    return ask(
        timeout.toNanos(),
        () -> {
          Topic found = broker.topic(topic);
          int partitions = found == null ? 0 : found.partitions().size();
          return IntStream.range(0, partitions)
              .mapToObj(i -> new PartitionInfo(topic, i, BROKER, new Node[0], new Node[0]))
              .toList();
        });
  }

  /** A client that has the public methods of an object, and no others. */
  static <T> T only(Class<T> type, Object client) {
    InvocationHandler handler =
        (proxy, method, arguments) -> {
          Method own;
          try {
            own = client.getClass().getMethod(method.getName(), method.getParameterTypes());
          } catch (NoSuchMethodException e) {
            if (method.isDefault()) {
              return InvocationHandler.invokeDefault(proxy, method, arguments);
            }
            throw new UnsupportedOperationException("the simulation has no " + method, e);
          }
          try {
            own.setAccessible(true);
            return own.invoke(client, arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
        };
    return type.cast(
        Proxy.newProxyInstance(
            SimulatedClients.class.getClassLoader(), new Class<?>[] {type}, handler));
  }

  /** Looks after topics. */
  public final class SimulatedAdmin {

    private <T> KafkaFuture<T> future(Supplier<T> request) {
      KafkaFutureImpl<T> future = new KafkaFutureImpl<>();
      try {
        future.complete(ask(PATIENCE, request));
      } catch (KafkaException e) {
        future.completeExceptionally(e);
      }
      return future;
    }

    public DescribeTopicsResult describeTopics(Collection<String> names) {
      Map<String, KafkaFuture<TopicDescription>> found = new HashMap<>();
      names.forEach(name -> found.put(name, future(() -> description(name))));
      return new DescribeTopicsResult(null, found) {};
    }

    private TopicDescription description(String name) {
      Topic topic = broker.requireTopic(name);
      List<TopicPartitionInfo> partitions =
          IntStream.range(0, topic.partitions().size())
              .mapToObj(i -> new TopicPartitionInfo(i, BROKER, List.of(BROKER), List.of(BROKER)))
              .toList();
      return new TopicDescription(name, false, partitions, Set.of(), topic.id());
    }

    public ListOffsetsResult listOffsets(
        Map<TopicPartition, OffsetSpec> wanted, ListOffsetsOptions options) {
      Map<TopicPartition, KafkaFuture<ListOffsetsResultInfo>> found = new HashMap<>();
      wanted.keySet().stream()
          .sorted(Comparator.comparing(TopicPartition::toString))
          .forEach(
              partition ->
                  found.put(
                      partition,
                      future(
                          () ->
                              new ListOffsetsResultInfo(
                                  broker.log(partition).size(), -1, Optional.empty()))));
      return new ListOffsetsResult(found);
    }

    public DescribeConfigsResult describeConfigs(Collection<ConfigResource> resources) {
      Map<ConfigResource, KafkaFuture<Config>> found = new HashMap<>();
      resources.forEach(resource -> found.put(resource, future(() -> config(resource.name()))));
      return new DescribeConfigsResult(found) {};
    }

    private Config config(String name) {
      boolean compacted = broker.requireTopic(name).isCompacted();
      return new Config(
          List.of(
              new ConfigEntry("cleanup.policy", compacted ? "compact" : "delete"),
              new ConfigEntry("max.message.bytes", "1048588")));
    }

    public CreateTopicsResult createTopics(Collection<NewTopic> topics) {
      Map<String, KafkaFuture<CreateTopicsResult.TopicMetadataAndConfig>> made = new HashMap<>();
      topics.forEach(
          topic ->
              made.put(
                  topic.name(),
                  future(
                      () -> {
                        broker.create(topic.name(), topic.numPartitions(), true);
                        return null;
                      })));
      return new CreateTopicsResult(made) {};
    }

    public void close(Duration timeout) {}

    public void close() {}
  }

  /** Reads committed records, or all. */
  public final class SimulatedConsumer {

    private final boolean committed;

    private final Map<TopicPartition, Long> positions = new LinkedHashMap<>();
    private final Set<TopicPartition> paused = new HashSet<>();

    SimulatedConsumer(boolean committed) {
      this.committed = committed;
    }

    private int end(List<Entry> log) {
      return committed ? SimulatedBroker.stable(log) : log.size();
    }

    public Map<String, List<PartitionInfo>> listTopics(Duration timeout) {
      return ask(timeout.toNanos(), Map::of);
    }

    public void assign(Collection<TopicPartition> partitions) {
      positions.clear();
      partitions.forEach(partition -> positions.put(partition, 0L));
    }

    public void seekToBeginning(Collection<TopicPartition> partitions) {
      partitions.forEach(partition -> positions.put(partition, 0L));
    }

    public void seek(TopicPartition partition, long offset) {
      positions.put(partition, offset);
    }

    public long position(TopicPartition partition) {
      return positions.getOrDefault(partition, 0L);
    }

    public long position(TopicPartition partition, Duration timeout) {
      return position(partition);
    }

    public Set<TopicPartition> paused() {
      return Set.copyOf(paused);
    }

    public void pause(Collection<TopicPartition> partitions) {
      paused.addAll(partitions);
    }

    public void resume(Collection<TopicPartition> partitions) {
      paused.removeAll(partitions);
    }

    public Map<TopicPartition, Long> endOffsets(Collection<TopicPartition> partitions) {
      return endOffsets(partitions, Duration.ofNanos(PATIENCE));
    }

    public Map<TopicPartition, Long> endOffsets(
        Collection<TopicPartition> partitions, Duration timeout) {
      Map<TopicPartition, Long> ends = new HashMap<>();
      partitions.forEach(
          partition ->
              ends.put(partition, ask(timeout.toNanos(), () -> (long) end(broker.log(partition)))));
      return ends;
    }

    public Map<TopicPartition, Long> beginningOffsets(Collection<TopicPartition> partitions) {
      Map<TopicPartition, Long> beginnings = new HashMap<>();
      partitions.forEach(partition -> beginnings.put(partition, 0L));
      return beginnings;
    }

    public Map<TopicPartition, Long> beginningOffsets(
        Collection<TopicPartition> partitions, Duration timeout) {
      return beginningOffsets(partitions);
    }

    public List<PartitionInfo> partitionsFor(String topic) {
      return partitionsFor(topic, Duration.ofNanos(PATIENCE));
    }

    public List<PartitionInfo> partitionsFor(String topic, Duration timeout) {
      return partitions(topic, timeout);
    }

    /** As the real one, it hides that the broker is away. */
    public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
      Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> found = new HashMap<>();
      Map<TopicPartition, Long> next = new HashMap<>();
      try {
        positions.putAll(
            ask(
                timeout.toNanos(),
                () -> {
                  positions.keySet().stream()
                      .filter(partition -> !paused.contains(partition))
                      .forEach(partition -> next.put(partition, read(partition, found)));
                  return next;
                }));
      } catch (org.apache.kafka.common.errors.TimeoutException
          | UnknownTopicOrPartitionException e) {
        found.clear();
      }
      if (found.isEmpty()) {
        scheduler.sleep(timeout.toNanos());
      }
      return new ConsumerRecords<>(found, Map.of());
    }

    /** Reads on, and tells up to where. */
    private long read(
        TopicPartition partition, Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> found) {
      List<Entry> log = broker.log(partition);
      List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
      int end = end(log);
      long next = positions.getOrDefault(partition, 0L);
      while (next < end) {
        Entry entry = log.get((int) next);
        ProducerRecord<byte[], byte[]> record = entry.record;
        if (record != null && (entry.state == State.COMMITTED || !committed)) {
          records.add(SimulatedMember.read(partition, next, record));
        }
        next++;
      }
      if (!records.isEmpty()) {
        found.put(partition, records);
      }
      return next;
    }

    public void close() {}

    public void close(@Nullable Duration timeout) {}
  }
}
