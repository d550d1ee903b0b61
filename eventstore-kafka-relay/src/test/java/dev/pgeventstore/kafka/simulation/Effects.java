package dev.pgeventstore.kafka.simulation;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.kafka.simulation.SimulatedBroker.Entry;
import dev.pgeventstore.kafka.simulation.SimulatedBroker.State;
import dev.pgeventstore.kafka.simulation.SimulatedMarks.At;
import dev.pgeventstore.kafka.simulation.SimulatedMarks.Transaction;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;

/**
 * Knows what must hold of a group with marks, and ends the run when it does not.
 *
 * <ul>
 *   <li>A transaction moves marks forward only, each to the place of a committed record, and writes
 *       what the records between have to have as their effect: each once, in order, none left out.
 *   <li>A record without an effect has a letter in the dead letter topic.
 *   <li>A letter is sent only for a record whose handler has failed as often as it may.
 *   <li>In the end each mark is at the last record that was published.
 * </ul>
 */
final class Effects {

  /** So many races or lost connections in a row count as one failure of the record's. */
  private static final int IN_A_ROW = 10;

  private final SimulatedScheduler scheduler;
  private final SimulatedBroker broker;
  private final List<TopicPartition> partitions;
  private final String group;
  private final int retries;
  private final Map<String, Integer> calls = new HashMap<>();
  private final Map<String, Integer> failures = new HashMap<>();
  private final Set<String> letters = new HashSet<>();

  /** What a relay's lane has published in a partition. */
  private record Sequence(String topic, int partition, String relay, int lane) {

    List<Object> key(String group) {
      return List.of(group, topic, partition, relay, lane);
    }
  }

  /** A record at its place. */
  private record Published(At at, String id) {}

  Effects(
      SimulatedScheduler scheduler,
      SimulatedBroker broker,
      List<TopicPartition> partitions,
      String group,
      int retries) {
    this.scheduler = scheduler;
    this.broker = broker;
    this.partitions = partitions;
    this.group = group;
    this.retries = retries;
  }

  private RuntimeException fail(String message, Object... facts) {
    return scheduler.fail(new AssertionError(message.formatted(facts)));
  }

  // What the handlers do.

  /** A handler is called with one record. */
  void calledAlone(String id) {
    calls.merge(id, 1, Integer::sum);
  }

  /** A handler that was called with one record fails. */
  void failedAlone(String id) {
    failures.merge(id, 1, Integer::sum);
  }

  /** A record is set aside. */
  void setAside(ProducerRecord<byte[], byte[]> letter) {
    String id = id(letter);
    int attempts = failures.getOrDefault(id, 0) + calls.getOrDefault(id, 0) / IN_A_ROW;
    if (attempts <= retries) {
      throw fail(
          "%s is set aside after %d attempts, of %d that it may have: %s",
          id, attempts, retries + 1, header(letter, "dl_message"));
    }
    letters.add(id);
  }

  // What is committed.

  /** A transaction is about to be committed. */
  void committing(SimulatedMarks database, Transaction transaction) {
    List<String> left = new ArrayList<>(transaction.effects);
    transaction.marks.forEach((key, to) -> left.removeAll(moved(database, key, to, transaction)));
    if (!left.isEmpty()) {
      throw fail(
          "%s take effect, and the marks %s are moved to %s only",
          left,
          transaction.marks.keySet().stream().map(database::mark).toList(),
          transaction.marks);
    }
  }

  /** What a transaction has to have done that moves a mark. */
  private List<String> moved(
      SimulatedMarks database, List<Object> key, At to, Transaction transaction) {
    At from = database.mark(key);
    List<Published> due =
        published(key).stream()
            .filter(one -> one.at.compareTo(from) > 0 && one.at.compareTo(to) <= 0)
            .toList();
    if (to.compareTo(from) < 0
        || (to.compareTo(from) > 0 && (due.isEmpty() || !due.get(due.size() - 1).at.equals(to)))) {
      throw fail("the mark of %s is moved from %s to %s, where there is nothing", key, from, to);
    }
    List<String> expected = due.stream().map(Published::id).toList();
    List<String> done = transaction.effects.stream().filter(expected::contains).toList();
    boolean isAside = done.isEmpty() && expected.size() == 1 && letters.containsAll(expected);
    if (!done.equals(expected) && !isAside) {
      throw fail(
          "the mark of %s is moved from %s to %s with %s done of %s",
          key, from, to, done, expected);
    }
    return expected;
  }

  private List<Published> published(List<Object> key) {
    List<Published> published = new ArrayList<>();
    At last = At.START;
    for (ProducerRecord<byte[], byte[]> record :
        committed(new TopicPartition((String) key.get(1), (int) key.get(2)))) {
      At at =
          new At(
              Long.parseLong(header(record, "es_position")),
              Integer.parseInt(header(record, "es_index")));
      boolean isOf =
          header(record, "es_relay").equals(key.get(3))
              && header(record, "es_lane").equals(key.get(4).toString());
      if (isOf && at.compareTo(last) > 0) {
        last = at;
        published.add(new Published(at, id(record)));
      }
    }
    return published;
  }

  private List<ProducerRecord<byte[], byte[]>> committed(TopicPartition partition) {
    List<ProducerRecord<byte[], byte[]>> committed = new ArrayList<>();
    for (Entry entry : broker.log(partition)) {
      if (entry.record != null && entry.state == State.COMMITTED) {
        committed.add(entry.record);
      }
    }
    return committed;
  }

  private static String id(ProducerRecord<byte[], byte[]> record) {
    return new String(record.value(), UTF_8);
  }

  private static String header(ProducerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null ? "" : new String(header.value(), UTF_8);
  }

  // The end.

  /** What has yet to be handled; empty if nothing. */
  String missing(SimulatedMarks database) {
    StringBuilder missing = new StringBuilder();
    for (TopicPartition partition : partitions) {
      Set<Sequence> sequences = new LinkedHashSet<>();
      for (ProducerRecord<byte[], byte[]> record : committed(partition)) {
        sequences.add(
            new Sequence(
                partition.topic(),
                partition.partition(),
                header(record, "es_relay"),
                Integer.parseInt(header(record, "es_lane"))));
      }
      for (Sequence sequence : sequences) {
        List<Published> published = published(sequence.key(group));
        At last = published.get(published.size() - 1).at;
        At mark = database.mark(sequence.key(group));
        if (!mark.equals(last)) {
          missing.append("the mark of %s is at %s, not %s; ".formatted(sequence, mark, last));
        }
      }
    }
    return missing.toString();
  }
}
