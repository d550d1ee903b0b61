package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.kafka.consumer.SequenceId;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks which transaction has locked a mark. */
final class MarkHolderQuery {

  private static final String BLOCKER =
      """
      select h.pid, p.gid,
             coalesce(a.usename, p.owner, ''), coalesce(a.application_name, ''),
             coalesce(
               extract(epoch from
                 pg_catalog.clock_timestamp() - coalesce(a.xact_start, p.prepared)) * 1000000,
               0)::bigint,
             coalesce(a.state, case when h.pid is null then 'prepared' end, ''),
             coalesce(a.query, '')
        from holders as h
        left join pg_catalog.pg_stat_activity as a on a.pid = h.pid
        left join pg_catalog.pg_prepared_xacts as p
          on h.pid is null
         and p.transaction = h.transactionid
       where h.pid is not null
          or p.gid is not null
       order by coalesce(a.xact_start, p.prepared) nulls last, h.pid
       limit 1
      """;

  // The row has the id of the transaction that has locked it.
  private static final String OF_ROW =
      """
      with holders as (
        select l.pid, l.transactionid
          from pg_catalog.pg_locks as l
         where l.granted
           and l.locktype = 'transactionid'
           and l.pid is distinct from pg_catalog.pg_backend_pid()
           and l.transactionid = (
             select xmax
               from relay_marks
      """
          + MarksTable.KEY
          + """
         )
      )
      """
          + BLOCKER;

  // A mark that was just made is not to be seen, and the table may be locked as a whole. Then it is
  // most likely the transaction that has been open for longest.
  private static final String OF_TABLE =
      """
      with locks as materialized (
        select l.locktype, l.database, l.relation, l.mode, l.pid, l.virtualtransaction,
               l.transactionid
          from pg_catalog.pg_locks as l
         where l.granted
           and l.pid is distinct from pg_catalog.pg_backend_pid()
      ), holders as (
        select r.pid, x.transactionid
          from locks as r
          left join locks as x
            on r.pid is null
           and x.virtualtransaction = r.virtualtransaction
           and x.locktype = 'transactionid'
         where r.locktype = 'relation'
           and r.database = (select d.oid from pg_catalog.pg_database as d
                              where d.datname = pg_catalog.current_database())
           and r.relation = pg_catalog.to_regclass('relay_marks')
           and r.mode <> 'AccessShareLock'
      )
      """
          + BLOCKER;

  private static final Duration WAIT_TO_LOOK = Duration.ofMillis(100);

  private static final Logger LOG = LoggerFactory.getLogger(MarkHolderQuery.class);

  private final MarksTable table;

  MarkHolderQuery(MarksTable table) {
    this.table = table;
  }

  /**
   * The holder of a mark, asked in a transaction that is rolled back.
   *
   * @return empty if it has just ended, or cannot be told
   */
  Optional<Blocker> of(Connection connection, SequenceId sequence) throws SQLException {
    Optional<Blocker> holder = Optional.empty();
    try (PreparedStatement statement =
        table.prepare(connection, table.named(OF_ROW), sequence, WAIT_TO_LOOK, true)) {
      holder = blocker(statement);
    } catch (SQLException e) {
      LOG.debug("The mark of {} cannot be looked at", sequence, e);
    }
    connection.rollback();
    if (holder.isEmpty()) {
      try (PreparedStatement statement = connection.prepareStatement(table.named(OF_TABLE))) {
        try (ResultSet row = statement.executeQuery()) {
          holder = row.next() ? Optional.of(blocker(row)) : Optional.empty();
        }
      }
      connection.rollback();
    }
    return holder;
  }

  private static Optional<Blocker> blocker(PreparedStatement statement) throws SQLException {
    try (ResultSet row = MarksTable.rowsOf(statement, true)) {
      return row.next() ? Optional.of(blocker(row)) : Optional.empty();
    }
  }

  private static Blocker blocker(ResultSet row) throws SQLException {
    return new Holder(
        Optional.ofNullable(row.getObject(1, Integer.class)),
        Optional.ofNullable(row.getString(2)),
        row.getString(3),
        row.getString(4),
        Duration.of(row.getLong(5), ChronoUnit.MICROS),
        row.getString(6),
        row.getString(7));
  }

  private record Holder(
      Optional<Integer> pid,
      Optional<String> prepared,
      String user,
      String application,
      Duration age,
      String state,
      String query)
      implements Blocker {}
}
