package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.internal.Durations;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;

/** The transactions that hold the high-water mark back, as far as this role may see them. */
public class BlockersQuery {

  // The holders are the same as in observe_fence(). A prepared transaction has no process; it is
  // found by the lock on its own id, because its name in pg_locks changes with a restart. The locks
  // are read once, so that both parts show the same moment.
  //
  // Without the right to see a session, the start of its transaction is null. Such a session is
  // included, because it may well be the cause.
  private static final String OLDER_THAN =
      """
      with locks as materialized (
        select l.locktype, l.database, l.relation, l.mode, l.pid, l.virtualtransaction,
               l.transactionid
          from pg_catalog.pg_locks as l
         where l.granted
      ), holders as (
        select l.pid, l.virtualtransaction
          from locks as l
         where l.locktype = 'relation'
           and l.database = (select d.oid from pg_catalog.pg_database as d
                              where d.datname = pg_catalog.current_database())
           and l.relation = '$schema.events'::pg_catalog.regclass
           and l.mode = 'RowExclusiveLock'
      ), blockers as (
        select a.pid, null as gid, a.usename, a.application_name,
               pg_catalog.clock_timestamp() - a.xact_start as age, a.state, a.query
          from holders as h
          join pg_catalog.pg_stat_activity as a on a.pid = h.pid
        union all
        select null, p.gid, p.owner, '',
               pg_catalog.clock_timestamp() - p.prepared, 'prepared', ''
          from holders as h
          join locks as l
            on l.virtualtransaction = h.virtualtransaction
           and l.locktype = 'transactionid'
           and l.pid is null
          join pg_catalog.pg_prepared_xacts as p on p.transaction = l.transactionid
         where h.pid is null
      )
      select b.pid, b.gid, coalesce(b.usename, ''), coalesce(b.application_name, ''),
             coalesce(extract(epoch from b.age) * 1000000, 0)::bigint,
             coalesce(b.state, ''), coalesce(b.query, '')
        from blockers as b
       where b.age is null
          or b.age >= ? * interval '1 us'
       order by b.age desc nulls last, b.pid, b.gid
      """;

  private final Schema schema;

  public BlockersQuery(Schema schema) {
    this.schema = schema;
  }

  /**
   * The open transactions that have written events.
   *
   * @param age how long they must have been open; transactions whose age this role may not see are
   *     always included, with an age of zero
   * @return the oldest first
   */
  public List<Blocker> olderThan(Connection connection, Duration age) throws SQLException {
    return Statements.all(
        connection,
        schema.in(OLDER_THAN),
        row ->
            new WritingTransaction(
                Optional.ofNullable(row.getObject(1, Integer.class)),
                Optional.ofNullable(row.getString(2)),
                row.getString(3),
                row.getString(4),
                Duration.of(row.getLong(5), ChronoUnit.MICROS),
                row.getString(6),
                row.getString(7)),
        Durations.nanos(age) / 1_000);
  }

  private record WritingTransaction(
      Optional<Integer> pid,
      Optional<String> prepared,
      String user,
      String application,
      Duration age,
      String state,
      String query)
      implements Blocker {}
}
