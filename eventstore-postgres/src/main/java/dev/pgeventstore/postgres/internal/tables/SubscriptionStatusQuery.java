package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Queries on subscriptions for reports, and for waits for an append. */
public final class SubscriptionStatusQuery {

  // The first event after a partition's checkpoint shows how long the partition is behind. The
  // subscription's query may not match that event; then the partition soon skips it.
  private static final String STATUS =
      """
      select s.partition, s.position, s.epoch, l.owner,
             coalesce((extract(epoch from l.lease_until - clock_timestamp()) * 1000)::bigint, 0),
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
        join $schema.leases as l on l.name = s.name and l.partition = s.partition
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

  // Also false on a standby, and if transactions are read-only by default.
  private static final String IS_WRITABLE =
      """
      select pg_catalog.current_setting('transaction_read_only') = 'off'
         and (? = '' or $schema.incarnation() = ?)
      """;

  private static final int PROBE_SECONDS = 5;

  private final Schema schema;

  public SubscriptionStatusQuery(Schema schema) {
    this.schema = schema;
  }

  /** The checkpoints of all partitions, with a high-water mark to compare. */
  public List<PartitionRow> status(Connection connection, String name, long mark)
      throws SQLException {
    return Statements.all(
        connection,
        schema.in(STATUS),
        row ->
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
                row.getBoolean(11)),
        mark,
        name);
  }

  /** The checkpoints of all partitions, the incarnation, and whether anything was parked. */
  public Checkpoints checkpoints(Connection connection, String name) throws SQLException {
    List<Long> positions = new ArrayList<>();
    String incarnation = "";
    boolean setAside = false;
    try (PreparedStatement statement = connection.prepareStatement(schema.in(CHECKPOINTS))) {
      statement.setString(1, name);
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          positions.add(row.getLong(1));
          incarnation = row.getString(2);
          setAside = row.getBoolean(3);
        }
      }
    }
    return new Checkpoints(positions, incarnation, setAside);
  }

  /**
   * Whether the server responds, may be written to, and is in an incarnation.
   *
   * @param incarnation the required incarnation; empty for any
   */
  public boolean isWritable(Connection connection, String incarnation) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(schema.in(IS_WRITABLE))) {
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
   * The checkpoints of a subscription.
   *
   * @param positions the checkpoint of each partition; empty if the subscription was removed
   * @param incarnation the incarnation of the server that responded
   * @param setAside whether any event is parked or was discarded
   */
  public record Checkpoints(List<Long> positions, String incarnation, boolean setAside) {}

  /**
   * The state of a partition.
   *
   * @param number the number of the partition
   * @param position the checkpoint
   * @param epoch the epoch of the current tenure
   * @param owner the node that has its lease
   * @param lease how much longer the lease lasts
   * @param stopped whether an error has stopped it
   * @param error that error
   * @param behind how long ago the first settled event after it was stored
   * @param unmoved how long ago its checkpoint moved
   * @param declined the nodes that cannot decode an event after the checkpoint, and why
   * @param declinedByAll whether no live node is left that might decode that event
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
