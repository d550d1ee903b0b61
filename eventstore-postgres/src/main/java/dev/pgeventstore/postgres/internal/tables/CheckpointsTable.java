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
 * the event after it. What concerns all partitions is in {@link SubscriptionsTable}.
 */
public class CheckpointsTable {

  // All of them, so that partitions are not divided anew either. Keeping leases skips them.
  // In the order of arrange_partitions: what changes several rows holds them first, since an update
  // locks them in the order in which it finds them.
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

  // The fence: it moves only in the tenure of its owner, from where the owner expects it, forward,
  // and not beyond a barrier. So a stalled owner that wakes up moves nothing. Nor does it move if
  // the server is in another incarnation than the one in which the events were read. If nothing is
  // moved, the transaction must not commit. The last two conditions are true: where the handler has
  // written nothing, the commit need not wait for the disk, since a checkpoint that a crash sets
  // back repeats no write.
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

  // And only in the transaction that the handler was called in (docs/adr/0016).
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

  // All partitions, of whatever node: a subscription stops as a whole.
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
   * Keeps all partitions of a subscription from moving until the transaction ends.
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
   * Moves a checkpoint. It is done for every page, live for nearly every event.
   *
   * @param patience how long the server waits for the commit
   * @return false if the tenure is over, it is not at {@code from}, {@code to} is not after that or
   *     is beyond a barrier, or the server is in another incarnation
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
   * Moves a checkpoint in the transaction that a handler was called in, and has used.
   *
   * @param token what that transaction was lent with
   * @return false as above, or if the handler has ended that transaction
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
   * Counts an attempt at one event, before it is made.
   *
   * @return how many there are with this one; empty if the tenure is over
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

  /** The events that were suspected are done. */
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
   * Declines a partition: its owner cannot decode an event. The lease is given back if another live
   * member has not declined it.
   *
   * @param position of the event
   * @param reason why it cannot be decoded
   * @return whether the lease was given back; empty if the tenure is over
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

  /** Some parameters, and those by which a tenure is found. */
  private static @Nullable Object[] with(Tenure of, @Nullable Object... first) {
    List<Object> parameters = new ArrayList<>(Arrays.asList(first));
    Collections.addAll(parameters, of.key().name(), of.key().partition(), of.owner(), of.epoch());
    return parameters.toArray();
  }

  /**
   * The state of a partition at the beginning of a tenure.
   *
   * @param position its checkpoint
   * @param barrier how far it may go
   * @param attempts more than 0 if the last owner was lost, or at an event that had failed
   */
  public record Standing(long position, long barrier, int attempts) {}
}
