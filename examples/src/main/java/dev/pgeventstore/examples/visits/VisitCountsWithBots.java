package dev.pgeventstore.examples.visits;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.examples.visits.VisitEvent.Visited;
import dev.pgeventstore.projection.ProjectionDefinition;
import dev.pgeventstore.subscription.EventBatch;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;

/**
 * A table of how often each page was visited, and how often by machines, which was not required at
 * first.
 */
final class VisitCountsWithBots implements ProjectionDefinition {

  private static final String CREATE =
      """
      create table public.%1$s (
        page text not null,
        visits bigint not null,
        bots bigint not null,
        constraint %1$s_pkey primary key (page)
      )
      """;

  private static final String COUNT =
      """
      insert into public.%1$s as v (page, visits, bots)
      values (?, 1, ?)
      on conflict on constraint %1$s_pkey do update
         set visits = v.visits + 1, bots = v.bots + excluded.bots
      """;

  @Override
  public void create(String table, Connection connection) throws SQLException {
    VisitCounts.execute(connection, CREATE.formatted(table));
  }

  @Override
  public void handle(String table, EventBatch batch) throws SQLException {
    try (PreparedStatement count = batch.connection().prepareStatement(COUNT.formatted(table))) {
      for (RecordedEvent event : batch.events()) {
        boolean bot = event.payload() instanceof Visited visited && visited.bot();
        count.setString(1, event.stream().key());
        count.setInt(2, bot ? 1 : 0);
        count.addBatch();
      }
      count.executeBatch();
    }
  }

  // The view gets one more column at its end, which does not affect readers of the others.
  @Override
  public void promote(String table, Connection connection) throws SQLException {
    VisitCounts.execute(connection, VisitCounts.SHOW.formatted(table));
  }

  @Override
  public void drop(String table, Connection connection) throws SQLException {
    VisitCounts.execute(connection, "drop table public." + table);
  }
}
