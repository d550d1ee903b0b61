package dev.pgeventstore.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.Watermarks;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Several writers of outbox messages, to a topic of their own, with events between them. Some of
 * their transactions are rolled back. It knows what became of each message: a writer has a key, and
 * numbers its messages.
 */
final class MessageLoad {

  private static final int MOST_TOGETHER = 20;
  private static final long AFTER_A_FAILURE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

  final String topic;
  private final Bench bench;
  private final int messages;
  private final List<Writer> writers = new ArrayList<>();
  private volatile boolean stopped;
  private volatile String refusal = "";

  /**
   * Begins at once.
   *
   * @param writers how many
   * @param messages that each of them brings to an end; when it has, it stops
   */
  MessageLoad(Bench bench, int writers, int messages) {
    this.bench = bench;
    this.messages = messages;
    this.topic = bench.topic + "-messages";
    bench.createTopic(topic, Bench.PARTITIONS);
    for (int number = 0; number < writers; number++) {
      Writer writer = new Writer(number);
      this.writers.add(writer);
      // Threads of their own: in the common pool they would keep everything else there waiting.
      Thread thread = new Thread(writer.work, "messages-" + number);
      thread.setDaemon(true);
      thread.start();
    }
  }

  /** One that writes until it is stopped, and leaves the processors to others in between. */
  static MessageLoad endless(Bench bench) {
    return new MessageLoad(bench, 2, Integer.MAX_VALUE);
  }

  /** How many are known to be committed. */
  long committed() {
    return writers.stream().mapToLong(Writer::count).sum();
  }

  /** What the last append that was refused was refused with; empty if none was. */
  String refusal() {
    return refusal;
  }

  /** Waits for the writers to come to their end. */
  void join() throws Exception {
    for (Writer writer : writers) {
      writer.work.get(Bench.PATIENCE.multipliedBy(10).toSeconds(), TimeUnit.SECONDS);
    }
  }

  void stop() throws Exception {
    stopped = true;
    join();
  }

  /**
   * All that was committed is in the topic, once and in order, and nothing that was rolled back; of
   * what has an unknown outcome either may be. A relay still runs, and leaves no row.
   */
  void check() {
    if (bench.shape().delivery() == Delivery.EXACTLY_ONCE) {
      requireExact("read_committed", false);
    }
    requireExact("read_uncommitted", true);
    await().atMost(Bench.PATIENCE).untilAsserted(() -> assertThat(rows()).isZero());
  }

  /** Of the outbox. */
  private long rows() throws SQLException {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("select count(*) from eventstore.outbox")) {
      row.next();
      return row.getLong(1);
    }
  }

  private void requireExact(String isolation, boolean dropsRepeats) {
    RecordDecoder decoder = RecordDecoder.of(JacksonCodec.of(EventTypes.none()));
    Watermarks watermarks = Watermarks.exact();
    List<BitSet> published = writers.stream().map(writer -> new BitSet()).toList();
    bench.consume(
        topic,
        isolation,
        record -> {
          if (!dropsRepeats || watermarks.isNew(decoder.decode(record).orElseThrow())) {
            requireNext(published, record);
          }
        });
    for (Writer writer : writers) {
      BitSet found = published.get(writer.number);
      BitSet missing = (BitSet) writer.committed.clone();
      missing.andNot(found);
      assertThat(missing).as("committed by %d, and not published", writer.number).isEqualTo(NONE);
      BitSet invented = (BitSet) found.clone();
      invented.andNot(writer.committed);
      invented.andNot(writer.unknown);
      assertThat(invented).as("published of %d, and rolled back", writer.number).isEqualTo(NONE);
    }
  }

  private static final BitSet NONE = new BitSet();

  private static void requireNext(List<BitSet> published, ConsumerRecord<byte[], byte[]> record) {
    BitSet ofWriter = published.get(Integer.parseInt(new String(record.key(), UTF_8)));
    int number = Integer.parseInt(new String(record.value(), UTF_8));
    assertThat(number)
        .as("what comes next of %s at offset %d", new String(record.key(), UTF_8), record.offset())
        .isGreaterThanOrEqualTo(ofWriter.length());
    ofWriter.set(number);
  }

  /** Writes transaction after transaction. */
  private final class Writer {

    private final int number;
    private final Random random;
    private final FutureTask<Void> work = new FutureTask<>(this::write, null);
    private final BitSet committed = new BitSet();
    private final BitSet unknown = new BitSet();
    private int next;

    Writer(int number) {
      this.number = number;
      this.random = new Random(number);
    }

    private synchronized long count() {
      return committed.cardinality();
    }

    private void write() {
      while (!stopped && next < messages) {
        int first = next;
        int count = Math.min(1 + random.nextInt(MOST_TOGETHER), messages - next);
        next += count;
        List<OutboxMessage> batch =
            IntStream.range(first, next)
                .mapToObj(
                    i ->
                        OutboxMessage.to("relay-of-" + bench.topic, topic)
                            .key(Integer.toString(number))
                            .json(Integer.toString(i)))
                .toList();
        Outcome outcome = random.nextBoolean() ? together(batch) : inTransaction(batch);
        synchronized (this) {
          if (outcome == Outcome.COMMITTED) {
            committed.set(first, next);
          } else if (outcome == Outcome.UNKNOWN) {
            unknown.set(first, next);
          }
        }
        if (messages == Integer.MAX_VALUE) {
          LockSupport.parkNanos(PAUSE_NANOS);
        }
      }
    }

    /** With an event, in a transaction of the store's. */
    private Outcome together(List<OutboxMessage> batch) {
      Append append = Append.to(stream(), ExpectedVersion.any(), List.of(event()));
      for (OutboxMessage message : batch) {
        append = append.message(message);
      }
      try {
        bench.store.append(append);
        return Outcome.COMMITTED;
      } catch (EventStoreException e) {
        refused(e);
        return e instanceof OutcomeUnknownException ? Outcome.UNKNOWN : Outcome.ROLLED_BACK;
      }
    }

    /** In one of the caller's, of which every third is rolled back. */
    private Outcome inTransaction(List<OutboxMessage> batch) {
      boolean commits = random.nextInt(3) > 0;
      Outcome failed = Outcome.ROLLED_BACK;
      try (Connection connection = bench.connection()) {
        connection.setAutoCommit(false);
        Outbox.of(bench.store.within(connection)).publish(batch);
        if (random.nextInt(4) == 0) {
          bench.append(bench.store.within(connection), stream().toString(), 1);
        }
        if (commits) {
          failed = Outcome.UNKNOWN;
          connection.commit();
          return Outcome.COMMITTED;
        }
        connection.rollback();
        return Outcome.ROLLED_BACK;
      } catch (SQLException | EventStoreException e) {
        refused(e);
        return failed;
      }
    }

    private StreamId stream() {
      return StreamId.of("order", Integer.toString(random.nextInt(50)));
    }

    private EncodedEvent event() {
      return EncodedEvent.of("Happened", 1, "{\"writer\": %d}".formatted(number));
    }

    private void refused(Exception e) {
      refusal = e.toString();
      LockSupport.parkNanos(AFTER_A_FAILURE_NANOS);
    }
  }

  private enum Outcome {
    COMMITTED,
    ROLLED_BACK,
    UNKNOWN
  }
}
