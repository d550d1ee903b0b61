package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.internal.LentTransaction;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * The subscriptions table, as the owner of a partition uses it: its checkpoint, and the attempts at
 * the event after it. Statements for all partitions are in {@link SubscriptionsTable}.
 */
public class CheckpointsTable {

  // All rows are locked, so that the number of partitions cannot change either. Keeping leases
  // skips locked rows. The order is that of arrange_partitions: a statement that changes several
  // rows must lock them first in this order, because an update locks rows in the order in which it
  // finds them.
  private static final String HOLD =
      """
      select position
        from $schema.subscriptions
       where name = ?
       order by partition
         for no key update
      """;

  private static final String TENURE =
      """
      select position, barrier, attempts
        from $schema.subscriptions
       where name = ?
         and partition = ?
         and owner = ?
         and epoch = ?
      """;

  // The fence: the checkpoint moves only in the tenure of its owner, from the position that the
  // owner expects, forward, and not beyond a barrier. So a stalled owner that wakes up moves
  // nothing. The checkpoint does not move either if the server is in another incarnation than the
  // one in which the events were read. If nothing is moved, the transaction must not commit. The
  // last two conditions are always true, and only change settings: if the handler has written
  // nothing, the commit need not wait for the disk, because a checkpoint that a crash sets back
  // repeats no write.
  private static final String ADVANCE =
      """
      update $schema.subscriptions
         set position = ?, updated_at = clock_timestamp()
       where name = ?
         and partition = ?
         and position = ?
         and position < ?
         and owner = ?
         and epoch = ?
         and (barrier is null or barrier >= ?)
         and $schema.incarnation() = ?
         and (pg_catalog.pg_current_xact_id_if_assigned() is not null
           or pg_catalog.set_config('synchronous_commit', 'off', true) is not null)
         and pg_catalog.set_config('idle_in_transaction_session_timeout', ?, true) is not null
      """;

  // The same, and only in the transaction in which the handler was called (docs/adr/0016).
  private static final String ADVANCE_LENT =
      ADVANCE
          + """
               and %s
            """
              .formatted(LentTransaction.IS_OPEN);

  private static final String COUNT_ATTEMPT =
      """
      update $schema.subscriptions
         set attempts = case when attempt_position = ? then attempts + 1 else 1 end,
             attempt_position = ?
       where name = ?
         and partition = ?
         and owner = ?
         and epoch = ?
      returning attempts
      """;

  private static final String FORGET_ATTEMPTS =
      """
      update $schema.subscriptions
         set attempts = 0, attempt_position = null
       where name = ?
         and partition = ?
         and owner = ?
         and epoch = ?
      """;

  // All partitions on all nodes: a subscription stops as a whole.
  private static final String STOP =
      """
      update $schema.subscriptions as s
         set stopped_at = clock_timestamp(), error = ?
       where s.name = ?
         and exists (select from $schema.subscriptions as o
                      where o.name = ? and o.partition = ? and o.owner = ? and o.epoch = ?)
      """;

  private static final String DECLINE = "select $schema.decline_partition(?, ?, ?, ?, ?, ?)";

  private final Schema schema;
  private final String advance;
  private final String advanceLent;

  public CheckpointsTable(Schema schema) {
    this.schema = schema;
    this.advance = schema.in(ADVANCE);
    this.advanceLent = schema.in(ADVANCE_LENT);
  }

  /**
   * Prevents all partitions of a subscription from moving until the transaction ends.
   *
   * @return the highest of their checkpoints
   */
  public long hold(Connection connection, String name) throws SQLException {
    return Statements.all(connection, schema.in(HOLD), row -> row.getLong(1), name).stream()
        .mapToLong(position -> position)
        .max()
        .orElse(0);
  }

  /** The checkpoint of a partition; empty if this tenure is over. */
  public Optional<Standing> standing(Connection connection, Tenure of) throws SQLException {
    return Statements.first(connection, schema.in(TENURE), CheckpointsTable::standing, with(of));
  }

  private static Standing standing(ResultSet row) throws SQLException {
    long position = row.getLong(1);
    long barrier = row.getLong(2);
    return new Standing(position, row.wasNull() ? Long.MAX_VALUE : barrier, row.getInt(3));
  }

  /**
   * Moves a checkpoint. Called for every page, which for live events is nearly every event.
   *
   * @param patience how long the server waits for the commit
   * @return false if the tenure is over, the checkpoint is not at {@code from}, {@code to} is not
   *     after that or is beyond a barrier, or the server is in another incarnation
   */
  public boolean advance(
      Connection connection, Tenure of, long from, long to, String incarnation, Duration patience)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(advance)) {
      bindAdvance(statement, of, from, to, incarnation, patience);
      return statement.executeUpdate() == 1;
    }
  }

  /**
   * Moves a checkpoint in the transaction in which a handler was called, and which it has used.
   *
   * @param token the token with which that transaction was lent
   * @return false as for {@link #advance}, or if the handler has ended that transaction
   */
  public boolean advanceLent(
      Connection connection,
      Tenure of,
      long from,
      long to,
      String incarnation,
      Duration patience,
      String token)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(advanceLent)) {
      bindAdvance(statement, of, from, to, incarnation, patience);
      statement.setString(11, token);
      return statement.executeUpdate() == 1;
    }
  }

  private static void bindAdvance(
      PreparedStatement statement,
      Tenure of,
      long from,
      long to,
      String incarnation,
      Duration patience)
      throws SQLException {
    statement.setLong(1, to);
    statement.setString(2, of.key().name());
    statement.setInt(3, of.key().partition());
    statement.setLong(4, from);
    statement.setLong(5, to);
    statement.setString(6, of.owner());
    statement.setLong(7, of.epoch());
    statement.setLong(8, to);
    statement.setString(9, incarnation);
    statement.setString(10, Long.toString(patience.toMillis()));
  }

  /**
   * Counts an attempt at one event, before the attempt is made.
   *
   * @return the number of attempts, including this one; empty if the tenure is over
   */
  public OptionalInt countAttempt(Connection connection, Tenure of, long position)
      throws SQLException {
    return Statements.first(
            connection,
            schema.in(COUNT_ATTEMPT),
            row -> row.getInt(1),
            with(of, position, position))
        .map(OptionalInt::of)
        .orElse(OptionalInt.empty());
  }

  /** Resets the attempts, when the events that had failed are done. */
  public void forgetAttempts(Connection connection, Tenure of) throws SQLException {
    Statements.update(connection, schema.in(FORGET_ATTEMPTS), with(of));
  }

  /**
   * Stops all partitions with an error, until the subscription is started again. In a transaction.
   *
   * @return false if the tenure is over
   */
  public boolean stop(Connection connection, Tenure of, String error) throws SQLException {
    long unused = hold(connection, of.key().name());
    return Statements.update(connection, schema.in(STOP), with(of, error, of.key().name())) > 0;
  }

  /**
   * Declines a partition, because its owner cannot decode an event. The lease is released if
   * another live member has not declined the partition.
   *
   * @param position the position of the event
   * @param reason why it cannot be decoded
   * @return whether the lease was released; empty if the tenure is over
   */
  public Optional<Boolean> decline(Connection connection, Tenure of, long position, String reason)
      throws SQLException {
    return Statements.one(
        connection,
        schema.in(DECLINE),
        row -> Optional.ofNullable((Boolean) row.getObject(1)),
        of.key().name(),
        of.key().partition(),
        of.owner(),
        of.epoch(),
        position,
        reason);
  }

  /** The given parameters, followed by those that identify a tenure. */
  private static @Nullable Object[] with(Tenure of, @Nullable Object... first) {
    List<Object> parameters = new ArrayList<>(Arrays.asList(first));
    Collections.addAll(parameters, of.key().name(), of.key().partition(), of.owner(), of.epoch());
    return parameters.toArray();
  }

  /**
   * The state of a partition at the beginning of a tenure.
   *
   * @param position the checkpoint
   * @param barrier the last position that the checkpoint may reach
   * @param attempts more than 0 if the last owner was lost, or if it was handling an event that had
   *     failed
   */
  public record Standing(long position, long barrier, int attempts) {}
}
