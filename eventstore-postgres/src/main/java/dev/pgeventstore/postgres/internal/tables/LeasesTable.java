package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.internal.Durations;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The leases table: which node has which partition of a subscription or lane of a relay, and until
 * when. The function {@code keep_leases} takes leases of subscriptions, and also writes the tenure
 * into the checkpoint's row.
 */
public final class LeasesTable {

  private static final String KEEP =
      """
      select subscription, number, of, tenure, holder, lease_left, is_stopped, why_stopped, gives_back,
             declared
        from $schema.keep_leases(?, ?, ?, ?)
      """;

  // The clock of the statement, not of the transaction: now() may be long past.
  private static final String TAKE =
      """
      insert into $schema.leases as l (name, partition, owner, epoch, lease_until)
      values (?, ?, ?, 1, clock_timestamp() + ? * interval '1 ms')
          on conflict on constraint leases_pkey do update
         set owner = excluded.owner,
             epoch = l.epoch + 1,
             lease_until = excluded.lease_until
       where l.lease_until is null
          or l.lease_until < clock_timestamp()
          or l.owner = excluded.owner
      returning epoch
      """;

  // Takes the lease from any owner. The previous owner notices by the epoch when it renews.
  private static final String SEIZE =
      """
      insert into $schema.leases as l (name, partition, owner, epoch, lease_until)
      values (?, ?, ?, 1, clock_timestamp() + ? * interval '1 ms')
          on conflict on constraint leases_pkey do update
         set owner = excluded.owner,
             epoch = l.epoch + 1,
             lease_until = excluded.lease_until
      returning epoch
      """;

  private static final String RENEW =
      """
      update $schema.leases
         set lease_until = clock_timestamp() + ? * interval '1 ms'
       where name = ?
         and partition = ?
         and owner = ?
         and epoch = ?
      """;

  private static final String GIVE_BACK =
      """
      update $schema.leases
         set lease_until = null, owner = null
       where name = ?
         and partition = ?
         and owner = ?
         and epoch = ?
      """;

  // Only this owner's rows: other rows may be locked by transactions that wait for this one.
  // Ordered as in arrange_partitions, because an update locks rows in the order in which it finds
  // them.
  private static final String HOLD_OWN =
      """
      select partition
        from $schema.leases
       where name = ?
         and owner = ?
       order by partition
         for no key update
      """;

  private static final String LEAVE =
      """
      with member as (
        delete from $schema.subscription_members where name = ? and owner = ?),
      declines as (
        delete from $schema.subscription_declines where name = ? and owner = ?)
      update $schema.leases
         set lease_until = null, owner = null
       where name = ?
         and owner = ?
      """;

  private final Schema schema;

  public LeasesTable(Schema schema) {
    this.schema = schema;
  }

  /** Renews and takes leases. Returns all partitions of these subscriptions. */
  public List<Leased> keep(Connection connection, String owner, List<Membership> memberships)
      throws SQLException {
    return Statements.all(
        connection,
        schema.in(KEEP),
        row -> {
          long left = row.getLong(6);
          boolean free = row.wasNull();
          return new Leased(
              new LeaseKey(row.getString(1), row.getInt(2)),
              row.getInt(3),
              row.getLong(4),
              Optional.ofNullable(row.getString(5)),
              free ? 0 : left,
              row.getBoolean(7),
              Optional.ofNullable(row.getString(8)),
              row.getBoolean(9),
              Optional.ofNullable(row.getString(10)));
        },
        owner,
        connection.createArrayOf(
            "text", memberships.stream().map(Membership::name).toArray(String[]::new)),
        connection.createArrayOf(
            "bigint",
            memberships.stream().map(m -> Durations.millis(m.leaseTime())).toArray(Long[]::new)),
        connection.createArrayOf(
            "text", memberships.stream().map(Membership::query).toArray(String[]::new)));
  }

  /**
   * Takes a lease that is free, has expired, or belongs to this owner.
   *
   * @return the tenure; empty while another owner has it
   */
  public Optional<Tenure> take(Connection connection, LeaseKey key, String owner, Duration time)
      throws SQLException {
    return take(connection, TAKE, key, owner, time);
  }

  /** Takes a lease from any owner. */
  public Tenure seize(Connection connection, LeaseKey key, String owner, Duration time)
      throws SQLException {
    return take(connection, SEIZE, key, owner, time).orElseThrow();
  }

  private Optional<Tenure> take(
      Connection connection, String sql, LeaseKey key, String owner, Duration time)
      throws SQLException {
    return Statements.first(
        connection,
        schema.in(sql),
        row -> new Tenure(key, owner, row.getLong(1)),
        key.name(),
        key.partition(),
        owner,
        Durations.millis(time));
  }

  /**
   * Renews a lease.
   *
   * @return false if the tenure is over
   */
  public boolean renew(Connection connection, Tenure of, Duration time) throws SQLException {
    LeaseKey key = of.key();
    return Statements.update(
            connection,
            schema.in(RENEW),
            Durations.millis(time),
            key.name(),
            key.partition(),
            of.owner(),
            of.epoch())
        == 1;
  }

  /** Releases a lease, if it is still held. */
  public void giveBack(Connection connection, Tenure of) throws SQLException {
    LeaseKey key = of.key();
    Statements.update(
        connection, schema.in(GIVE_BACK), key.name(), key.partition(), of.owner(), of.epoch());
  }

  /** Releases all leases of a subscription, and ends the membership. In a transaction. */
  public void leave(Connection connection, String name, String owner) throws SQLException {
    Statements.all(connection, schema.in(HOLD_OWN), row -> row.getInt(1), name, owner);
    Statements.update(connection, schema.in(LEAVE), name, owner, name, owner, name, owner);
  }

  /**
   * A subscription that a node takes part in.
   *
   * @param name the name of the subscription
   * @param leaseTime how long leases last unless they are renewed
   * @param query the query that the node declares
   */
  public record Membership(String name, Duration leaseTime, String query) {}

  /**
   * The lease of a partition.
   *
   * @param key the partition
   * @param partitions the number of partitions
   * @param epoch the epoch of the current tenure
   * @param owner the node that has it, or had it last without releasing it
   * @param millisLeft until it expires; 0 or less if it has
   * @param stopped whether an error has stopped it
   * @param error that error
   * @param givesBack whether the caller has the lease and must release it
   * @param query the query that the subscription is declared with; empty if unknown
   */
  public record Leased(
      LeaseKey key,
      int partitions,
      long epoch,
      Optional<String> owner,
      long millisLeft,
      boolean stopped,
      Optional<String> error,
      boolean givesBack,
      Optional<String> query) {}
}
