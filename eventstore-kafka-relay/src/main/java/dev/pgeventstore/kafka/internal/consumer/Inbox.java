package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.internal.Lender;
import dev.pgeventstore.internal.LentTransaction;
import dev.pgeventstore.kafka.consumer.InboxResult;
import dev.pgeventstore.kafka.consumer.Place;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.RelayedBatch;
import dev.pgeventstore.kafka.consumer.RelayedHandler;
import dev.pgeventstore.kafka.consumer.RelayedRecord;
import dev.pgeventstore.kafka.consumer.SequenceId;
import dev.pgeventstore.kafka.consumer.SequenceRules;
import dev.pgeventstore.kafka.consumer.Watermarks;
import dev.pgeventstore.kafka.internal.consumer.TryFailedException.Stage;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * Handles what is new of some records, and moves the marks, in a transaction. Safe for many
 * threads.
 */
public final class Inbox {

  private final String group;
  private final RecordDecoder decoder;
  private final SequenceRules rules;
  private final MarksTable table;
  private final Lender noticing;
  private final Lender refusing;

  public Inbox(String group, RecordDecoder decoder, SequenceRules rules, MarksTable table) {
    this.group = group;
    this.decoder = decoder;
    this.rules = rules;
    this.table = table;
    String borrower = "the handler of consumer group " + group;
    this.noticing = Lender.to(borrower);
    this.refusing = Lender.refusing(borrower);
  }

  public String group() {
    return group;
  }

  public MarksTable table() {
    return table;
  }

  /**
   * Handles them. The transaction is the caller's: it is to be rolled back when this throws.
   *
   * @param stages told when the handler is about to be called, and when it has returned
   */
  public InboxResult handle(
      Connection connection,
      List<ConsumerRecord<byte[], byte[]>> records,
      RelayedHandler handler,
      Attempt attempt,
      Consumer<Stage> stages)
      throws Exception {
    if (connection.getAutoCommit()) {
      throw new IllegalStateException(
          "the connection is in auto-commit mode: marks and work would not commit together");
    }
    List<RelayedRecord> relayed = decode(records);
    SortedMap<SequenceId, Place> before = lockMarks(connection, relayed, attempt.waitForMark());
    Watermarks marks = Watermarks.of(rules);
    before.forEach(marks::moveTo);
    List<RelayedRecord> fresh = relayed.stream().filter(marks::isNew).toList();
    if (!fresh.isEmpty()) {
      LentTransaction lent = lender(connection).lend(connection);
      stages.accept(Stage.HANDLER);
      handler.handle(new Batch(fresh, lent.connection(), group, attempt));
      stages.accept(Stage.MARKS);
      lent.takeBack();
      lent.requireOpen();
      for (Map.Entry<SequenceId, Place> mark : before.entrySet()) {
        Place reached = marks.last(mark.getKey());
        if (reached.isAfter(mark.getValue())) {
          table.move(connection, mark.getKey(), mark.getValue(), reached);
        }
      }
    }
    return new Result(fresh.size(), relayed.size() - fresh.size(), records.size() - relayed.size());
  }

  /** The database is the consumer's own, and may be another than PostgreSQL. */
  private Lender lender(Connection connection) throws SQLException {
    return MarksTable.isPostgres(connection) ? noticing : refusing;
  }

  private List<RelayedRecord> decode(List<ConsumerRecord<byte[], byte[]>> records) {
    List<RelayedRecord> relayed = new ArrayList<>(records.size());
    records.forEach(record -> decoder.decode(record).ifPresent(relayed::add));
    return relayed;
  }

  /** In the same order always, so that no two wait for each other. */
  private SortedMap<SequenceId, Place> lockMarks(
      Connection connection, List<RelayedRecord> records, Duration atMost) throws SQLException {
    SortedMap<SequenceId, Place> marks = new TreeMap<>();
    records.forEach(record -> marks.put(record.sequence(), Place.START));
    for (Map.Entry<SequenceId, Place> mark : marks.entrySet()) {
      mark.setValue(table.lock(connection, mark.getKey(), atMost));
    }
    return marks;
  }

  private record Result(int handled, int repeated, int foreign) implements InboxResult {}

  private record Batch(
      List<RelayedRecord> records, Connection connection, String group, Attempt attempts)
      implements RelayedBatch {

    @Override
    public Set<TopicPartition> partitions() {
      return records.stream()
          .map(
              record ->
                  new TopicPartition(record.sequence().topic(), record.sequence().partition()))
          .collect(Collectors.toUnmodifiableSet());
    }

    @Override
    public int attempt() {
      return attempts.number();
    }

    @Override
    public boolean isStopping() {
      return attempts.isStopping().getAsBoolean();
    }
  }
}
