package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.internal.LentTransaction;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jdbi.v3.core.Jdbi;

/** The subscriptions table: checkpoints and leases. Every statement of it is in this file. */
public class SubscriptionsTable {

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

  // All of them, so that partitions are not divided anew either. Whoever keeps leases passes over.
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

  // Its own only: those of others may be locked for long, by nodes that are frozen.
  private static final String HOLD_OWN =
      """
      select position
        from $schema.subscriptions
       where name = ?
         and owner = ?
       order by partition
         for no key update
      """;

  private static final String REMOVE =
      """
      with members as (
        delete from $schema.subscription_members where name = ?),
      declines as (
        delete from $schema.subscription_declines where name = ?)
      delete from $schema.subscriptions
       where name = ?
      """;

  private static final String EXISTS =
      """
      select exists (select from $schema.subscriptions where name = ?)
      """;

  private static final String ARRANGE = "select $schema.arrange_partitions(?, ?, ?, ?, ?, ?, ?)";

  private static final String KEEP_LEASES =
      """
      select subscription, number, of, tenure, holder, lease_left, is_stopped, why_stopped, gives_back,
             declared
        from $schema.keep_leases(?, ?, ?, ?)
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

  // Moves only in the tenure of its owner, from where the owner takes it to stand, and forward, so
  // a stalled owner that wakes up moves nothing, and not beyond a barrier. If the server is in
  // another life than the one the
  // events were read in, nothing is moved either. Then the transaction must not commit. The last
  // condition is true: where the handler has written nothing, nobody need wait for the disk, since
  // a
  // checkpoint that a crash sets back repeats no write.
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

  // Also false on a standby, and where transactions are read-only by default.
  private static final String IS_WRITABLE =
      """
      select pg_catalog.current_setting('transaction_read_only') = 'off'
         and (? = '' or $schema.incarnation() = ?)
      """;

  private static final int PROBE_SECONDS = 5;

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

  private static final String GIVE_BACK =
      """
      update $schema.subscriptions
         set lease_until = null, owner = null
       where name = ?
         and partition = ?
         and owner = ?
         and epoch = ?
      """;

  private static final String LEAVE =
      """
      with member as (
        delete from $schema.subscription_members where name = ? and owner = ?),
      declines as (
        delete from $schema.subscription_declines where name = ? and owner = ?)
      update $schema.subscriptions
         set lease_until = null, owner = null
       where name = ?
         and owner = ?
      """;

  // What the first event behind a partition is, says how long it has been waiting. It may be one
  // that the subscription does not want; then the partition passes over it soon.
  private static final String STATUS =
      """
      select s.partition, s.position, s.epoch, s.owner,
             coalesce((extract(epoch from s.lease_until - clock_timestamp()) * 1000)::bigint, 0),
             s.stopped_at is not null, s.error,
             coalesce((select (extract(epoch from clock_timestamp() - e.recorded_at) * 1000)::bigint
                         from $schema.events as e
                        where e.position > s.position and e.position <= ?
                        order by e.position
                        limit 1), 0),
             (extract(epoch from clock_timestamp() - s.updated_at) * 1000)::bigint,
             (select string_agg(d.owner || ': ' || d.reason, '; ' order by d.at)
                from $schema.subscription_declines as d
               where d.name = s.name and d.partition = s.partition and d.position > s.position),
             not exists (select from $schema.subscription_members as m
                          where m.name = s.name and m.alive_until > clock_timestamp()
                            and not exists (select from $schema.subscription_declines as d
                                             where d.name = s.name and d.partition = s.partition
                                               and d.owner = m.owner and d.position > s.position))
        from $schema.subscriptions as s
       where s.name = ?
       order by s.partition
      """;

  private static final String CHECKPOINTS =
      """
      select s.position,
             coalesce($schema.incarnation(), ''),
             exists (select from $schema.parked_events as p where p.name = s.name)
               or exists (select from $schema.discarded_events as d where d.name = s.name)
        from $schema.subscriptions as s
       where s.name = ?
       order by s.partition
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

  // Whoever has it: an owner that is passed over notices when it renews, by its epoch.
  private static final String SEIZE_LEASE =
      """
      insert into $schema.subscriptions as s (name, partition, position, owner, epoch, lease_until)
      values (?, ?, 0, ?, 1, clock_timestamp() + ? * interval '1 ms')
          on conflict on constraint subscriptions_pkey do update
         set owner = excluded.owner,
             epoch = s.epoch + 1,
             lease_until = excluded.lease_until,
             updated_at = clock_timestamp()
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

  private final String lowestCheckpoint;
  private final String reached;
  private final String hold;
  private final String holdOwn;
  private final String remove;
  private final String exists;
  private final String arrange;
  private final String keepLeases;
  private final String tenure;
  private final String advance;
  private final String advanceLent;
  private final String isWritable;
  private final String countAttempt;
  private final String forgetAttempts;
  private final String stop;
  private final String decline;
  private final String giveBack;
  private final String leave;
  private final String status;
  private final String checkpoints;
  private final String takeLease;
  private final String seizeLease;
  private final String renewLease;
  private final String releaseLease;

  public SubscriptionsTable(Schema schema) {
    this.lowestCheckpoint = schema.in(LOWEST_CHECKPOINT);
    this.reached = schema.in(REACHED);
    this.hold = schema.in(HOLD);
    this.holdOwn = schema.in(HOLD_OWN);
    this.remove = schema.in(REMOVE);
    this.exists = schema.in(EXISTS);
    this.arrange = schema.in(ARRANGE);
    this.keepLeases = schema.in(KEEP_LEASES);
    this.tenure = schema.in(TENURE);
    this.advance = schema.in(ADVANCE);
    this.advanceLent = schema.in(ADVANCE_LENT);
    this.isWritable = schema.in(IS_WRITABLE);
    this.countAttempt = schema.in(COUNT_ATTEMPT);
    this.forgetAttempts = schema.in(FORGET_ATTEMPTS);
    this.stop = schema.in(STOP);
    this.decline = schema.in(DECLINE);
    this.giveBack = schema.in(GIVE_BACK);
    this.leave = schema.in(LEAVE);
    this.status = schema.in(STATUS);
    this.checkpoints = schema.in(CHECKPOINTS);
    this.takeLease = schema.in(TAKE_LEASE);
    this.seizeLease = schema.in(SEIZE_LEASE);
    this.renewLease = schema.in(RENEW_LEASE);
    this.releaseLease = schema.in(RELEASE_LEASE);
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

  /** How far all partitions of a subscription have come. */
  public Reached reached(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(reached)) {
      statement.setString(1, name);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return new Reached(
            row.getInt(1),
            row.getLong(2),
            row.getLong(3),
            row.getBoolean(4),
            Optional.ofNullable(row.getString(5)));
      }
    }
  }

  /**
   * Keeps all partitions of a subscription from moving until the transaction ends.
   *
   * @return where the one stands that has come furthest
   */
  public long hold(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(hold)) {
      statement.setString(1, name);
      long furthest = 0;
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          furthest = Math.max(furthest, rows.getLong(1));
        }
      }
      return furthest;
    }
  }

  /** Removes a subscription: whoever runs it writes nothing any more. In a transaction. */
  public void remove(Connection connection, String name) throws SQLException {
    long unused = hold(connection, name);
    try (PreparedStatement statement = connection.prepareStatement(remove)) {
      statement.setString(1, name);
      statement.setString(2, name);
      statement.setString(3, name);
      statement.executeUpdate();
    }
  }

  /** Whether a subscription was ever started. */
  public boolean exists(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(exists)) {
      statement.setString(1, name);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getBoolean(1);
      }
    }
  }

  /**
   * Makes the partitions of a subscription, asks for another number of them if there are some, and
   * lets it go on if it had stopped.
   *
   * @param query which events the caller declares
   * @param replaced queries that this one replaces
   * @param owner the caller's node, a member from then on
   * @param leaseTime how long it is one without keeping leases
   * @return the query that the subscription is declared with, if it is another: then nothing was
   *     changed
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
    try (PreparedStatement statement = connection.prepareStatement(arrange)) {
      statement.setString(1, name);
      statement.setInt(2, partitions);
      statement.setLong(3, start);
      statement.setString(4, query);
      statement.setArray(5, connection.createArrayOf("text", replaced.toArray(String[]::new)));
      statement.setString(6, owner);
      statement.setLong(7, leaseTime.toMillis());
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return Optional.ofNullable(row.getString(1));
      }
    }
  }

  /** Renews and takes leases. Answers with all partitions of these subscriptions. */
  public List<Leased> keepLeases(Connection connection, String owner, List<Membership> memberships)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(keepLeases)) {
      statement.setString(1, owner);
      statement.setArray(
          2,
          connection.createArrayOf(
              "text", memberships.stream().map(Membership::name).toArray(String[]::new)));
      statement.setArray(
          3,
          connection.createArrayOf(
              "bigint",
              memberships.stream().map(m -> m.leaseTime().toMillis()).toArray(Long[]::new)));
      statement.setArray(
          4,
          connection.createArrayOf(
              "text", memberships.stream().map(Membership::query).toArray(String[]::new)));
      List<Leased> leased = new ArrayList<>();
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          long left = row.getLong(6);
          boolean free = row.wasNull();
          leased.add(
              new Leased(
                  new Key(row.getString(1), row.getInt(2)),
                  row.getInt(3),
                  row.getLong(4),
                  Optional.ofNullable(row.getString(5)),
                  free ? 0 : left,
                  row.getBoolean(7),
                  Optional.ofNullable(row.getString(8)),
                  row.getBoolean(9),
                  Optional.ofNullable(row.getString(10))));
        }
      }
      return leased;
    }
  }

  /** Where a partition stands; empty if this tenure is over. */
  public Optional<Standing> standing(Connection connection, Tenure of) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(tenure)) {
      bind(statement, 1, of);
      try (ResultSet row = statement.executeQuery()) {
        if (!row.next()) {
          return Optional.empty();
        }
        long position = row.getLong(1);
        long barrier = row.getLong(2);
        return Optional.of(
            new Standing(position, row.wasNull() ? Long.MAX_VALUE : barrier, row.getInt(3)));
      }
    }
  }

  /**
   * Moves a checkpoint.
   *
   * <p>Plain JDBC: it is done for every page, live for nearly every event, and opening Jdbi on a
   * connection takes several times the CPU of the statement.
   *
   * @param patience how long the server waits for the commit
   * @return false if the tenure is over, it does not stand at {@code from}, {@code to} does not lie
   *     behind that or lies beyond a barrier, or the server is in another life
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
   * Whether the server answers, may be written to, and is in an incarnation.
   *
   * @param incarnation empty for any
   */
  public boolean isWritable(Connection connection, String incarnation) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(isWritable)) {
      statement.setQueryTimeout(PROBE_SECONDS);
      statement.setString(1, incarnation);
      statement.setString(2, incarnation);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getBoolean(1);
      }
    }
  }

  /**
   * Counts an attempt at one event, before it is made.
   *
   * @return how many there are with this one; empty if the tenure is over
   */
  public OptionalInt countAttempt(Connection connection, Tenure of, long position)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(countAttempt)) {
      statement.setLong(1, position);
      statement.setLong(2, position);
      bind(statement, 3, of);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() ? OptionalInt.of(row.getInt(1)) : OptionalInt.empty();
      }
    }
  }

  /** The events that were suspected are done. */
  public void forgetAttempts(Connection connection, Tenure of) throws SQLException {
    update(connection, forgetAttempts, of);
  }

  /**
   * Stops all partitions with an error, until the subscription is started again. In a transaction.
   *
   * @return false if the tenure is over
   */
  public boolean stop(Connection connection, Tenure of, String error) throws SQLException {
    long unused = hold(connection, of.key().name());
    try (PreparedStatement statement = connection.prepareStatement(stop)) {
      statement.setString(1, error);
      statement.setString(2, of.key().name());
      bind(statement, 3, of);
      return statement.executeUpdate() > 0;
    }
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
    try (PreparedStatement statement = connection.prepareStatement(decline)) {
      bind(statement, 1, of);
      statement.setLong(5, position);
      statement.setString(6, reason);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        boolean givenBack = row.getBoolean(1);
        return row.wasNull() ? Optional.empty() : Optional.of(givenBack);
      }
    }
  }

  /** Gives the lease of a partition back, if it is still held. */
  public void giveBack(Connection connection, Tenure of) throws SQLException {
    update(connection, giveBack, of);
  }

  /** Gives all leases of a subscription back, and does not take any more. In a transaction. */
  public void leave(Connection connection, String name, String owner) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(holdOwn)) {
      statement.setString(1, name);
      statement.setString(2, owner);
      statement.executeQuery().close();
    }
    try (PreparedStatement statement = connection.prepareStatement(leave)) {
      statement.setString(1, name);
      statement.setString(2, owner);
      statement.setString(3, name);
      statement.setString(4, owner);
      statement.setString(5, name);
      statement.setString(6, owner);
      statement.executeUpdate();
    }
  }

  /** Where all partitions stand, with a high-water mark to compare. */
  public List<PartitionRow> status(Connection connection, String name, long mark)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(status)) {
      statement.setLong(1, mark);
      statement.setString(2, name);
      List<PartitionRow> partitions = new ArrayList<>();
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          partitions.add(
              new PartitionRow(
                  row.getInt(1),
                  row.getLong(2),
                  row.getLong(3),
                  Optional.ofNullable(row.getString(4)),
                  Duration.ofMillis(Math.max(0, row.getLong(5))),
                  row.getBoolean(6),
                  Optional.ofNullable(row.getString(7)),
                  Duration.ofMillis(Math.max(0, row.getLong(8))),
                  Duration.ofMillis(Math.max(0, row.getLong(9))),
                  Optional.ofNullable(row.getString(10)),
                  row.getBoolean(11)));
        }
      }
      return partitions;
    }
  }

  /** Where all partitions stand, in which incarnation, and whether anything was set aside. */
  public Checkpoints checkpoints(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(checkpoints)) {
      statement.setString(1, name);
      List<Long> positions = new ArrayList<>();
      String incarnation = "";
      boolean setAside = false;
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          positions.add(row.getLong(1));
          incarnation = row.getString(2);
          setAside = row.getBoolean(3);
        }
      }
      return new Checkpoints(positions, incarnation, setAside);
    }
  }

  private static void update(Connection connection, String sql, Tenure of) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      bind(statement, 1, of);
      statement.executeUpdate();
    }
  }

  private static void bind(PreparedStatement statement, int first, Tenure of) throws SQLException {
    statement.setString(first, of.key().name());
    statement.setInt(first + 1, of.key().partition());
    statement.setString(first + 2, of.owner());
    statement.setLong(first + 3, of.epoch());
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
   * Takes a lease from whoever has it.
   *
   * @return the epoch
   */
  public long seizeLease(Connection connection, Key key, String owner, Duration ttl)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(seizeLease)) {
      statement.setString(1, key.name());
      statement.setInt(2, key.partition());
      statement.setString(3, owner);
      statement.setLong(4, ttl.toMillis());
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
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
   * How far the partitions of a subscription have come.
   *
   * @param partitions how many there are; 0 if it was never started, or removed
   * @param lowest where the one stands that is furthest behind
   * @param furthest where the one stands that has come furthest
   * @param stopped whether an error has stopped it
   * @param error which one
   */
  public record Reached(
      int partitions, long lowest, long furthest, boolean stopped, Optional<String> error) {}

  /**
   * The checkpoints of a subscription.
   *
   * @param positions of each partition; empty if the subscription was removed
   * @param incarnation of the server that was asked
   * @param setAside whether any event is parked or was discarded
   */
  public record Checkpoints(List<Long> positions, String incarnation, boolean setAside) {}

  /**
   * A row of the table.
   *
   * @param name of the reader
   * @param partition of that reader
   */
  public record Key(String name, int partition) {}

  /**
   * The time in which an owner has the lease of a partition.
   *
   * @param key the partition
   * @param owner who has it
   * @param epoch the number of the tenure; owners are compared too, since a failover may lose an
   *     epoch and have it counted again
   */
  public record Tenure(Key key, String owner, long epoch) {}

  /**
   * Where a partition stands at the begin of a tenure.
   *
   * @param position its checkpoint
   * @param barrier how far it may go
   * @param attempts more than 0 if the last owner was lost, or at an event that had failed
   */
  public record Standing(long position, long barrier, int attempts) {}

  /**
   * A subscription that a node takes part in.
   *
   * @param name of the subscription
   * @param leaseTime how long its leases last unless they are renewed
   * @param query which events the node declares
   */
  public record Membership(String name, Duration leaseTime, String query) {}

  /**
   * The lease of a partition.
   *
   * @param key the partition
   * @param partitions how many there are
   * @param epoch of the present tenure
   * @param owner who has it, or had it last without giving it back
   * @param millisLeft until it runs out; 0 or less if it has
   * @param stopped whether an error has stopped it
   * @param error which one
   * @param givesBack whether the caller has it and is to give it back
   * @param query which events the subscription is declared with; empty if none are known
   */
  public record Leased(
      Key key,
      int partitions,
      long epoch,
      Optional<String> owner,
      long millisLeft,
      boolean stopped,
      Optional<String> error,
      boolean givesBack,
      Optional<String> query) {}

  /**
   * What is known of a partition.
   *
   * @param number of it
   * @param position its checkpoint
   * @param epoch of the present tenure
   * @param owner who has its lease
   * @param lease how much longer
   * @param stopped whether an error has stopped it
   * @param error which one
   * @param behind how long the first settled event behind it has been stored
   * @param unmoved how long ago its checkpoint moved
   * @param declined which nodes cannot decode an event behind it, and why
   * @param declinedByAll whether no live node is left that might
   */
  public record PartitionRow(
      int number,
      long position,
      long epoch,
      Optional<String> owner,
      Duration lease,
      boolean stopped,
      Optional<String> error,
      Duration behind,
      Duration unmoved,
      Optional<String> declined,
      boolean declinedByAll) {}
}
