package dev.pgeventstore.postgres;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.projection.ProjectionDefinition;
import dev.pgeventstore.subscription.EventBatch;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;

/** Counts the events of each stream. An event that is applied twice, or not, makes it wrong. */
class Visits implements ProjectionDefinition {

  @Override
  public void create(String table, Connection connection) throws SQLException {
    TestStore.execute(
        connection,
        """
        create table public.%1$s (
          visits bigint not null,
          last_position bigint not null,
          stream text not null,
          constraint %1$s_pkey primary key (stream)
        )
        """
            .formatted(table));
  }

  @Override
  public void handle(String table, EventBatch batch) throws Exception {
    String sql =
        """
        insert into public.%1$s as v (stream, visits, last_position)
        values (?, 1, ?)
            on conflict on constraint %1$s_pkey do update
           set visits = v.visits + 1, last_position = excluded.last_position
        """
            .formatted(table);
    try (PreparedStatement statement = batch.connection().prepareStatement(sql)) {
      for (RecordedEvent event : batch.events()) {
        statement.setString(1, event.stream().toString());
        statement.setLong(2, event.position().value());
        statement.addBatch();
      }
      statement.executeBatch();
    }
  }

  @Override
  public void promote(String table, Connection connection) throws Exception {
    TestStore.execute(
        connection, "create or replace view public.visits as select * from public." + table);
  }

  @Override
  public void drop(String table, Connection connection) throws SQLException {
    TestStore.execute(connection, "drop table public." + table);
  }

  /** What a table or view says, in one line. */
  static String read(String table, Connection connection) throws SQLException {
    return TestStore.query(
        connection,
        """
        select coalesce(string_agg(stream || ' ' || visits || ' ' || last_position, ', '
                                   order by stream), '')
          from public.%s
        """
            .formatted(table));
  }
}
