package dev.pgeventstore.examples.loans;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** The tables of the projection: every statement that reads or writes them is in this file. */
final class LoanTables {

  private static final String CREATE =
      """
      create schema if not exists loans;

      create table if not exists loans.applications (
        application text primary key,
        amount_requested bigint not null,
        outcome text,
        events int not null,
        first_at timestamptz not null,
        last_at timestamptz not null
      );

      create table if not exists loans.activities (
        activity text,
        lifecycle text,
        events bigint not null,
        without_resource bigint not null,
        primary key (activity, lifecycle)
      );

      create table if not exists loans.resources (
        resource text primary key,
        events bigint not null
      );
      """;

  private static final String ADD_APPLICATIONS =
      """
      insert into loans.applications as known
             (application, amount_requested, outcome, events, first_at, last_at)
      select *
        from unnest(?::text[], ?::bigint[], ?::text[], ?::int[], ?::timestamptz[], ?::timestamptz[])
          on conflict (application) do update
         set amount_requested = known.amount_requested + excluded.amount_requested,
             outcome = coalesce(excluded.outcome, known.outcome),
             events = known.events + excluded.events,
             first_at = least(known.first_at, excluded.first_at),
             last_at = greatest(known.last_at, excluded.last_at)
      """;

  private static final String ADD_ACTIVITIES =
      """
      insert into loans.activities as known (activity, lifecycle, events, without_resource)
      select *
        from unnest(?::text[], ?::text[], ?::bigint[], ?::bigint[])
          on conflict (activity, lifecycle) do update
         set events = known.events + excluded.events,
             without_resource = known.without_resource + excluded.without_resource
      """;

  private static final String ADD_RESOURCES =
      """
      insert into loans.resources as known (resource, events)
      select *
        from unnest(?::text[], ?::bigint[])
          on conflict (resource) do update
         set events = known.events + excluded.events
      """;

  private static final String TOTALS =
      """
      select count(*) as applications,
             coalesce(sum(events), 0) as events,
             coalesce(max(events), 0) as most_events,
             coalesce(sum(amount_requested), 0) as amount_requested,
             (select coalesce(sum(without_resource), 0) from loans.activities) as without_resource,
             (select count(*) from loans.resources) as resources,
             min(first_at) as first_at,
             max(last_at) as last_at
        from loans.applications
      """;

  private static final String OUTCOMES =
      """
      select coalesce(outcome, 'none'), count(*)
        from loans.applications
       group by 1
       order by 2 desc, 1
      """;

  private static final String LIFECYCLES =
      """
      select lifecycle, sum(events)
        from loans.activities
       group by 1
       order by 2 desc, 1
      """;

  private static final String ACTIVITIES =
      """
      select activity, sum(events)
        from loans.activities
       group by 1
       order by 2 desc, 1
      """;

  private LoanTables() {}

  /** Creates the tables that do not exist yet. */
  static void create(DataSource database) throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(CREATE);
    }
  }

  static void add(PageTotals page, Connection connection) throws SQLException {
    Columns columns = new Columns(connection);
    Collection<PageTotals.Application> applications = page.applications.values();
    execute(
        connection,
        ADD_APPLICATIONS,
        columns.of("text", page.applications.keySet(), name -> name),
        columns.of("bigint", applications, application -> application.amountRequested),
        columns.of("text", applications, application -> application.outcome),
        columns.of("int", applications, application -> application.events),
        columns.of("timestamptz", applications, application -> application.firstAt),
        columns.of("timestamptz", applications, application -> application.lastAt));
    execute(
        connection,
        ADD_ACTIVITIES,
        columns.of("text", page.activities.keySet(), PageTotals.Activity::name),
        columns.of("text", page.activities.keySet(), PageTotals.Activity::lifecycle),
        columns.of("bigint", page.activities.values(), count -> count.events),
        columns.of("bigint", page.activities.values(), count -> count.withoutResource));
    execute(
        connection,
        ADD_RESOURCES,
        columns.of("text", page.resources.keySet(), name -> name),
        columns.of("bigint", page.resources.values(), events -> events));
  }

  /** Writes the values of a page, column by column, as the parameters of {@code unnest}. */
  private record Columns(Connection connection) {

    <T> Array of(String type, Collection<T> rows, Function<T, @Nullable Object> column)
        throws SQLException {
      return connection.createArrayOf(type, rows.stream().map(column).toArray());
    }
  }

  private static void execute(Connection connection, String sql, Array... columns)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < columns.length; i++) {
        statement.setArray(i + 1, columns[i]);
      }
      statement.executeUpdate();
    }
  }

  static LoanFigures figures(DataSource database) throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement();
        ResultSet totals = statement.executeQuery(TOTALS)) {
      totals.next();
      return new LoanFigures(
          totals.getLong("applications"),
          totals.getLong("events"),
          totals.getLong("most_events"),
          totals.getLong("amount_requested"),
          totals.getLong("without_resource"),
          totals.getLong("resources"),
          instant(totals, "first_at"),
          instant(totals, "last_at"),
          counts(connection, OUTCOMES),
          counts(connection, LIFECYCLES),
          counts(connection, ACTIVITIES));
    }
  }

  private static Optional<Instant> instant(ResultSet row, String column) throws SQLException {
    return Optional.ofNullable(row.getObject(column, OffsetDateTime.class))
        .map(OffsetDateTime::toInstant);
  }

  private static Map<String, Long> counts(Connection connection, String sql) throws SQLException {
    Map<String, Long> counts = new LinkedHashMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        counts.put(rows.getString(1), rows.getLong(2));
      }
    }
    return counts;
  }
}
