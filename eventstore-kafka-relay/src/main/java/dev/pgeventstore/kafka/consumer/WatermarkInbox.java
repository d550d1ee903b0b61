package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.kafka.internal.consumer.Attempt;
import dev.pgeventstore.kafka.internal.consumer.Inbox;
import dev.pgeventstore.kafka.internal.consumer.InboxTry;
import dev.pgeventstore.kafka.internal.consumer.MarksTable;
import dev.pgeventstore.kafka.internal.consumer.TryFailedException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import javax.sql.DataSource;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Exactly once into the consumer's own PostgreSQL database: the mark of each sequence is moved in
 * the transaction of the work. That takes one row for each (group, topic, partition, relay, lane),
 * not one for each message. Safe for many threads.
 *
 * <p>In a loop of one's own:
 *
 * <pre>{@code
 * ConsumerRecords<byte[], byte[]> polled = consumer.poll(Duration.ofSeconds(1));
 * for (TopicPartition partition : polled.partitions()) {
 *   inbox.handle(dataSource, polled.records(partition), batch -> { … });
 * }
 * consumer.commitSync();
 * }</pre>
 *
 * <p>Offsets are committed afterwards, and need not be: when they are lost, or reset to the
 * beginning, what was handled is dropped. They must never be committed before.
 *
 * <p>Two consumers of a group may both think that a partition is theirs, for a while: one that
 * stood still and does not know of the rebalance. The mark's row is locked, so the second one waits
 * for the first, and then drops what that has handled.
 *
 * <p>It uses {@code on conflict} and {@code select … for update} as PostgreSQL has them, under
 * {@code READ COMMITTED} or stricter. Under the stricter ones the second of two such consumers gets
 * a serialization failure instead, and tries again.
 */
public final class WatermarkInbox {

  private static final Duration SHORTEST_WAIT = Duration.ofMillis(1);
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

  private final SequenceRules rules;
  private final Duration waitAtMost;
  private final Inbox inbox;

  private WatermarkInbox(Builder builder) {
    this.rules = builder.rules;
    this.waitAtMost = builder.waitAtMost;
    this.inbox =
        new Inbox(
            builder.group,
            builder.decoder,
            builder.rules,
            new MarksTable(builder.group, builder.table));
  }

  /**
   * Begins an inbox.
   *
   * @param group whose marks they are: that of the Kafka consumer
   * @param decoder for its records
   * @return options
   */
  public static Builder builder(String group, RecordDecoder decoder) {
    return new Builder(group, decoder);
  }

  /**
   * Whose marks they are.
   *
   * @return the group
   */
  public String group() {
    return inbox.group();
  }

  /** What it does, for the consumer's loop. */
  Inbox inbox() {
    return inbox;
  }

  SequenceRules rules() {
    return rules;
  }

  /**
   * The statement that creates the table, for a migration of the application's: {@code
   * relay_marks.sql} beside this class.
   *
   * @return one statement with {@code if not exists}
   */
  public String ddl() {
    return inbox.table().ddl();
  }

  /**
   * Creates the table if it is not there.
   *
   * @param dataSource of a role that may create it
   * @throws EventStoreException if the database says no
   */
  public void createTable(DataSource dataSource) {
    try (Connection connection = dataSource.getConnection()) {
      inbox.table().create(connection);
    } catch (SQLException e) {
      throw new EventStoreException("the table of marks cannot be created: " + e.getMessage(), e);
    }
  }

  /**
   * Handles what is new of some records, in a transaction of its own: locks the marks, drops
   * repeats, calls the handler once for all that is left, moves the marks, commits.
   *
   * @param dataSource where the table is
   * @param records of one partition, or several, each in the order of offsets
   * @param handler not called if nothing is new
   * @return what became of them
   * @throws GapException if one does not follow what was seen: nothing was handled
   * @throws NotRelayedException if one cannot be read: nothing was handled
   * @throws EventStoreException what the database has failed with, or, as the cause, what the
   *     handler has thrown, if it is checked: nothing was handled, or, if it was the commit that
   *     failed, perhaps all of it. Handling the same again is safe; {@link
   *     EventStoreException#isTransient} tells whether it may help
   */
  public InboxResult handle(
      DataSource dataSource, List<ConsumerRecord<byte[], byte[]>> records, RelayedHandler handler) {
    try {
      return new InboxTry(inbox, Attempt.only(waitAtMost)).on(dataSource, records, handler);
    } catch (TryFailedException e) {
      throw e.unchecked();
    }
  }

  /**
   * Handles what is new of some records, in a transaction of the caller's. Roll it back when this
   * throws.
   *
   * @param connection not in auto-commit mode; it is neither committed nor closed
   * @param records of one partition, or several, each in the order of offsets
   * @param handler not called if nothing is new
   * @return what becomes of them if the transaction is committed
   * @throws IllegalStateException if the connection is in auto-commit mode
   * @throws GapException if one does not follow what was seen
   * @throws NotRelayedException if one cannot be read
   * @throws EventStoreException what the database has failed with, or, as the cause, what the
   *     handler has thrown, if it is checked
   */
  public InboxResult handle(
      Connection connection, List<ConsumerRecord<byte[], byte[]>> records, RelayedHandler handler) {
    try {
      return inbox.handle(connection, records, handler, Attempt.only(waitAtMost), stage -> {});
    } catch (Exception e) {
      throw TryFailedException.unchecked(e, "the records were not handled, so roll back");
    }
  }

  /**
   * The marks of the group as they are committed.
   *
   * @param dataSource where the table is
   * @return the last place of each sequence
   * @throws EventStoreException if the database says no
   */
  public Map<SequenceId, Place> marks(DataSource dataSource) {
    try (Connection connection = dataSource.getConnection()) {
      return inbox.table().all(connection);
    } catch (SQLException e) {
      throw new EventStoreException("the marks cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * Moves a mark by hand, forward past a gap or back: for an operator that has compensated for the
   * gap.
   *
   * @param connection of a transaction, or in auto-commit mode
   * @param sequence which one
   * @param last the place that counts as the last one handled
   * @throws EventStoreException if the database says no
   */
  public void moveTo(Connection connection, SequenceId sequence, Place last) {
    try {
      inbox.table().set(connection, sequence, last);
    } catch (SQLException e) {
      throw new EventStoreException(
          "the mark of %s cannot be moved: %s".formatted(sequence, e.getMessage()), e);
    }
  }

  /** Options of an inbox. For one thread. */
  public static final class Builder {

    private final String group;
    private final RecordDecoder decoder;
    private SequenceRules rules = SequenceRules.exact();
    private String table = MarksTable.DEFAULT_NAME;
    private Duration waitAtMost = Duration.ofSeconds(10);

    private Builder(String group, RecordDecoder decoder) {
      if (group.isBlank()) {
        throw new IllegalArgumentException("the group is blank");
      }
      this.group = group;
      this.decoder = Objects.requireNonNull(decoder, "decoder");
    }

    /**
     * What a sequence must be. The default is {@link SequenceRules#exact()}.
     *
     * @param given the rules
     * @return this
     */
    public Builder rules(SequenceRules given) {
      this.rules = Objects.requireNonNull(given, "rules");
      return this;
    }

    /**
     * The table's name. The default is {@code relay_marks}, found by the connection's {@code
     * search_path}.
     *
     * @param name in lower case letters, digits and {@code _}, with or without a schema
     * @return this
     */
    public Builder table(String name) {
      this.table = Objects.requireNonNull(name, "table");
      return this;
    }

    /**
     * How long {@code handle} waits for a mark that another transaction has locked, on PostgreSQL;
     * then it throws {@link MarkHeldException}. The default is 10 seconds. A {@link
     * RelayedConsumer} waits in its own way.
     *
     * @param longest 1 ms to 10 minutes
     * @return this
     * @throws IllegalArgumentException if that is out of range
     */
    public Builder waitForMark(Duration longest) {
      if (longest.compareTo(SHORTEST_WAIT) < 0 || longest.compareTo(LONGEST_WAIT) > 0) {
        throw new IllegalArgumentException(
            "a mark is waited for from 1 ms to 10 minutes, not " + longest);
      }
      this.waitAtMost = longest;
      return this;
    }

    /**
     * Makes the inbox. The database is not asked.
     *
     * @return the inbox
     * @throws IllegalArgumentException if the table's name is no plain name
     */
    public WatermarkInbox build() {
      return new WatermarkInbox(this);
    }
  }
}
