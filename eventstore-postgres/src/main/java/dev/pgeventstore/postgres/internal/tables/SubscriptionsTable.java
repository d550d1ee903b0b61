package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The statements on the subscriptions table for all partitions of a subscription. Those for the
 * owner of one partition are in {@link CheckpointsTable}, and those for reports in {@link
 * SubscriptionStatusQuery}.
 */
public final class SubscriptionsTable {

  private static final String LOWEST_CHECKPOINT =
      """
      select coalesce(min(position), 0)
        from $schema.subscriptions
       where name = ?
      """;

  private static final String REACHED =
      """
      select count(*), coalesce(min(position), 0), coalesce(max(position), 0),
             bool_or(stopped_at is not null), max(error) filter (where stopped_at is not null)
        from $schema.subscriptions
       where name = ?
      """;

  private static final String HOLD_LEASES =
      """
      select partition
        from $schema.leases
       where name = ?
       order by partition
         for update
      """;

  private static final String REMOVE =
      """
      with members as (
        delete from $schema.subscription_members where name = ?),
      declines as (
        delete from $schema.subscription_declines where name = ?),
      leases as (
        delete from $schema.leases where name = ?)
      delete from $schema.subscriptions
       where name = ?
      """;

  private static final String EXISTS =
      """
      select exists (select from $schema.subscriptions where name = ?)
      """;

  private static final String ARRANGE = "select $schema.arrange_partitions(?, ?, ?, ?, ?, ?, ?)";

  private final Schema schema;
  private final CheckpointsTable checkpoints;

  public SubscriptionsTable(Schema schema) {
    this.schema = schema;
    this.checkpoints = new CheckpointsTable(schema);
  }

  /** The lowest checkpoint of a reader's partitions. */
  public long lowestCheckpoint(Connection connection, String name) throws SQLException {
    return Statements.one(connection, schema.in(LOWEST_CHECKPOINT), row -> row.getLong(1), name);
  }

  /** The checkpoints of all partitions of a subscription. */
  public Reached reached(Connection connection, String name) throws SQLException {
    return Statements.one(
        connection,
        schema.in(REACHED),
        row ->
            new Reached(
                row.getInt(1),
                row.getLong(2),
                row.getLong(3),
                row.getBoolean(4),
                Optional.ofNullable(row.getString(5))),
        name);
  }

  /**
   * Prevents all partitions of a subscription from moving until the transaction ends.
   *
   * @return the highest of their checkpoints
   */
  public long hold(Connection connection, String name) throws SQLException {
    return checkpoints.hold(connection, name);
  }

  /** Removes a subscription, so that a node that runs it can no longer write. In a transaction. */
  public void remove(Connection connection, String name) throws SQLException {
    long unused = hold(connection, name);
    Statements.all(connection, schema.in(HOLD_LEASES), row -> row.getInt(1), name);
    Statements.update(connection, schema.in(REMOVE), name, name, name, name);
  }

  /** Whether a subscription was ever started. */
  public boolean exists(Connection connection, String name) throws SQLException {
    return Statements.one(connection, schema.in(EXISTS), row -> row.getBoolean(1), name);
  }

  /**
   * Creates the partitions of a subscription, or requests another number of them if they exist, and
   * resumes the subscription if it had stopped.
   *
   * @param query the query that the caller declares
   * @param replaced the queries that this one replaces
   * @param owner the caller's node, which becomes a member
   * @param leaseTime how long the node stays a member without keeping leases
   * @return the declared query of the subscription if it is another one; then nothing was changed
   */
  public Optional<String> arrange(
      Connection connection,
      String name,
      int partitions,
      long start,
      String query,
      List<String> replaced,
      String owner,
      Duration leaseTime)
      throws SQLException {
    return Statements.one(
        connection,
        schema.in(ARRANGE),
        row -> Optional.ofNullable(row.getString(1)),
        name,
        partitions,
        start,
        query,
        connection.createArrayOf("text", replaced.toArray(String[]::new)),
        owner,
        leaseTime.toMillis());
  }

  /**
   * The progress of the partitions of a subscription.
   *
   * @param partitions the number of partitions; 0 if the subscription was never started, or was
   *     removed
   * @param lowest the lowest checkpoint
   * @param furthest the highest checkpoint
   * @param stopped whether an error has stopped it
   * @param error that error
   */
  public record Reached(
      int partitions, long lowest, long furthest, boolean stopped, Optional<String> error) {}
}
