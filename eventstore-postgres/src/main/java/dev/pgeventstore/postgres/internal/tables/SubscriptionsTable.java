package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import org.jdbi.v3.core.Jdbi;

/** The subscriptions table: checkpoints and leases. Every statement of it is in this file. */
public final class SubscriptionsTable {

  private static final String CHECKPOINT =
      """
      select position
        from $schema.subscriptions
       where name = :name
         and partition = :partition
      """;

  private static final String LOWEST_CHECKPOINT =
      """
      select coalesce(min(position), 0)
        from $schema.subscriptions
       where name = ?
      """;

  // Whoever comes second finds the first one's row.
  private static final String CREATE =
      """
      insert into $schema.subscriptions (name, partition, position)
      values (:name, :partition, :position)
          on conflict on constraint subscriptions_pkey do nothing
      """;

  // Moves only from where this reader stands: if another process has handled the same events, or
  // the server is in another life than the one the events were read in, nothing is moved and the
  // transaction must not commit. The last condition is true: where the handler has written nothing,
  // nobody need wait for the disk, since a checkpoint that a crash sets back repeats no write.
  private static final String ADVANCE =
      """
      update $schema.subscriptions
         set position = ?, updated_at = clock_timestamp()
       where name = ?
         and partition = ?
         and position = ?
         and $schema.incarnation() = ?
         and (pg_catalog.pg_current_xact_id_if_assigned() is not null
           or pg_catalog.set_config('synchronous_commit', 'off', true) is not null)
      """;

  // The clock of the statement, not of the transaction: now() may be long past.
  private static final String TAKE_LEASE =
      """
      insert into $schema.subscriptions as s (name, partition, position, owner, epoch, lease_until)
      values (:name, :partition, 0, :owner, 1, clock_timestamp() + :ttl * interval '1 ms')
          on conflict on constraint subscriptions_pkey do update
         set owner = excluded.owner,
             epoch = s.epoch + 1,
             lease_until = clock_timestamp() + :ttl * interval '1 ms',
             updated_at = clock_timestamp()
       where s.lease_until is null
          or s.lease_until < clock_timestamp()
          or s.owner = excluded.owner
      returning epoch
      """;

  private static final String RENEW_LEASE =
      """
      update $schema.subscriptions
         set lease_until = clock_timestamp() + :ttl * interval '1 ms', updated_at = clock_timestamp()
       where name = :name
         and partition = :partition
         and owner = :owner
         and epoch = :epoch
      """;

  private static final String RELEASE_LEASE =
      """
      update $schema.subscriptions
         set lease_until = null, owner = null, updated_at = clock_timestamp()
       where name = :name
         and partition = :partition
         and owner = :owner
         and epoch = :epoch
      """;

  private final String checkpoint;
  private final String lowestCheckpoint;
  private final String create;
  private final String advance;
  private final String takeLease;
  private final String renewLease;
  private final String releaseLease;

  public SubscriptionsTable(Schema schema) {
    this.checkpoint = schema.in(CHECKPOINT);
    this.lowestCheckpoint = schema.in(LOWEST_CHECKPOINT);
    this.create = schema.in(CREATE);
    this.advance = schema.in(ADVANCE);
    this.takeLease = schema.in(TAKE_LEASE);
    this.renewLease = schema.in(RENEW_LEASE);
    this.releaseLease = schema.in(RELEASE_LEASE);
  }

  /** Where a reader has come to. */
  public OptionalLong checkpoint(Connection connection, Key key) {
    return Jdbi.open(connection)
        .createQuery(checkpoint)
        .bind("name", key.name())
        .bind("partition", key.partition())
        .mapTo(Long.class)
        .findOne()
        .map(OptionalLong::of)
        .orElseGet(OptionalLong::empty);
  }

  /** Where the partition of a reader stands that is furthest behind. */
  public long lowestCheckpoint(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(lowestCheckpoint)) {
      statement.setString(1, name);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
  }

  /** Makes a checkpoint, unless there is one. */
  public void create(Connection connection, Key key, long position) {
    Jdbi.open(connection)
        .createUpdate(create)
        .bind("name", key.name())
        .bind("partition", key.partition())
        .bind("position", position)
        .execute();
  }

  /**
   * Moves a checkpoint.
   *
   * <p>Plain JDBC: it is done for every page, live for nearly every event, and opening Jdbi on a
   * connection takes several times the CPU of the statement.
   *
   * @return false if it does not stand at {@code from}, or the server is in another life
   */
  public boolean advance(Connection connection, Key key, long from, long to, String incarnation)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(advance)) {
      statement.setLong(1, to);
      statement.setString(2, key.name());
      statement.setInt(3, key.partition());
      statement.setLong(4, from);
      statement.setString(5, incarnation);
      return statement.executeUpdate() == 1;
    }
  }

  /**
   * Takes a lease that is free, has run out, or is this owner's.
   *
   * @return the epoch; empty while another owner has it
   */
  public Optional<Long> takeLease(Connection connection, Key key, String owner, Duration ttl) {
    return Jdbi.open(connection)
        .createQuery(takeLease)
        .bind("name", key.name())
        .bind("partition", key.partition())
        .bind("owner", owner)
        .bind("ttl", ttl.toMillis())
        .mapTo(Long.class)
        .findOne();
  }

  /**
   * Prolongs a lease.
   *
   * @return false if somebody else has taken it
   */
  public boolean renewLease(
      Connection connection, Key key, String owner, long epoch, Duration ttl) {
    return Jdbi.open(connection)
            .createUpdate(renewLease)
            .bind("name", key.name())
            .bind("partition", key.partition())
            .bind("owner", owner)
            .bind("epoch", epoch)
            .bind("ttl", ttl.toMillis())
            .execute()
        == 1;
  }

  /** Gives a lease back, if it is still held. */
  public void releaseLease(Connection connection, Key key, String owner, long epoch) {
    Jdbi.open(connection)
        .createUpdate(releaseLease)
        .bind("name", key.name())
        .bind("partition", key.partition())
        .bind("owner", owner)
        .bind("epoch", epoch)
        .execute();
  }

  /**
   * A row of the table.
   *
   * @param name of the reader
   * @param partition of that reader
   */
  public record Key(String name, int partition) {}
}
