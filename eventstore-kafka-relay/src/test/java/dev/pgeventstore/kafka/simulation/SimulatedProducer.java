package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * A producer: a task of its own sends what is queued, record by record, and runs the callbacks. A
 * record that was on its way when the producer was closed may still arrive.
 */
public final class SimulatedProducer {

  private static final long FOREVER = Long.MAX_VALUE;

  private final SimulatedClients clients;
  private final @Nullable String id;
  private final long transactionTimeout;
  private final long patience;
  private final Deque<Sent> queue = new ArrayDeque<>();
  private final Scheduler.Task sender;
  private int epoch = -1;
  private boolean busy;
  private boolean closed;
  private @Nullable KafkaException broken;

  private record Sent(ProducerRecord<byte[], byte[]> record, @Nullable Callback callback) {}

  SimulatedProducer(SimulatedClients clients, Map<String, Object> settings) {
    this.clients = clients;
    this.id = (String) settings.get("transactional.id");
    this.patience = millis(settings, "max.block.ms");
    this.transactionTimeout = millis(settings, "transaction.timeout.ms");
    this.sender = clients.process.start("producer", this::sendAll);
  }

  private static long millis(Map<String, Object> settings, String name) {
    return ((Number) settings.getOrDefault(name, 0)).longValue() * 1_000_000;
  }

  private String id() {
    if (id == null) {
      throw new IllegalStateException("it has no transactional id");
    }
    return id;
  }

  // The task that sends.

  private void sendAll() {
    while (true) {
      clients.scheduler.block(() -> closed || !queue.isEmpty(), FOREVER);
      if (closed) {
        failAll(new KafkaException("the producer was closed"));
        return;
      }
      Sent next = queue.remove();
      busy = true;
      send(next);
      busy = false;
    }
  }

  private void send(Sent next) {
    ProducerRecord<byte[], byte[]> record = next.record;
    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
    KafkaException before = broken;
    if (before != null) {
      answer(next, partition, -1, before);
      return;
    }
    try {
      long offset =
          clients.ask(
              patience,
              () ->
                  id == null
                      ? clients.broker.append(record)
                      : clients.broker.append(id, epoch, transactionTimeout, record));
      answer(next, partition, offset, null);
    } catch (KafkaException e) {
      broken = e;
      answer(next, partition, -1, e);
    }
  }

  private static void answer(
      Sent sent, TopicPartition partition, long offset, @Nullable KafkaException failure) {
    Callback callback = sent.callback;
    if (callback != null) {
      callback.onCompletion(new RecordMetadata(partition, offset, 0, 0, 0, 0), failure);
    }
  }

  private void failAll(KafkaException failure) {
    while (!queue.isEmpty()) {
      Sent sent = queue.remove();
      answer(sent, new TopicPartition(sent.record.topic(), sent.record.partition()), -1, failure);
    }
  }

  // What the relay calls.

  public void initTransactions() {
    epoch = clients.ask(patience, () -> clients.broker.init(id()));
  }

  public void beginTransaction() {
    requireWell();
  }

  public Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record) {
    return send(record, null);
  }

  public Future<RecordMetadata> send(
      ProducerRecord<byte[], byte[]> record, @Nullable Callback callback) {
    requireWell();
    queue.add(new Sent(record, callback));
    clients.scheduler.point();
    return new CompletableFuture<>();
  }

  private void requireWell() {
    if (closed) {
      throw new IllegalStateException("the producer is closed");
    }
    if (broken != null) {
      throw new KafkaException("the producer has failed", broken);
    }
  }

  public void flush() {
    clients.scheduler.block(() -> closed || (queue.isEmpty() && !busy), FOREVER);
  }

  public void commitTransaction() {
    requireWell();
    flush();
    requireWell();
    try {
      Object unused =
          clients.ask(
              patience,
              () -> {
                clients.broker.commit(id(), epoch);
                return "";
              });
    } catch (KafkaException e) {
      broken = e;
      throw e;
    }
  }

  public void close() {
    close(Duration.ofSeconds(30));
  }

  public void close(Duration timeout) {
    if (!closed && !timeout.isZero() && !sender.isCurrent()) {
      clients.scheduler.block(
          () -> closed || (queue.isEmpty() && !busy), clients.scheduler.after(timeout.toNanos()));
    }
    closed = true;
  }
}
