package dev.pgeventstore.examples.visits;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.projection.ProjectionDefinition;
import dev.pgeventstore.subscription.EventBatch;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;

/** A table of how often each page was visited. */
final class VisitCounts implements ProjectionDefinition {

  private static final String CREATE =
      """
      create table public.%1$s (
        page text not null,
        visits bigint not null,
        constraint %1$s_pkey primary key (page)
      )
      """;

  private static final String COUNT =
      """
      insert into public.%1$s as v (page, visits)
      values (?, 1)
      on conflict on constraint %1$s_pkey do update set visits = v.visits + 1
      """;

  static final String SHOW = "create or replace view public.visits as select * from public.%s";

  @Override
  public void create(String table, Connection connection) throws SQLException {
    execute(connection, CREATE.formatted(table));
  }

  @Override
  public void handle(String table, EventBatch batch) throws SQLException {
    try (PreparedStatement count = batch.connection().prepareStatement(COUNT.formatted(table))) {
      for (RecordedEvent event : batch.events()) {
        count.setString(1, event.stream().key());
        count.addBatch();
      }
      count.executeBatch();
    }
  }

  @Override
  public void promote(String table, Connection connection) throws SQLException {
    execute(connection, SHOW.formatted(table));
  }

  @Override
  public void drop(String table, Connection connection) throws SQLException {
    execute(connection, "drop table public." + table);
  }

  static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }
}
