package dev.pgeventstore.examples.desk;

import dev.pgeventstore.examples.desk.TicketEvent.Closed;
import dev.pgeventstore.examples.desk.TicketEvent.Opened;
import dev.pgeventstore.subscription.EventContext;
import dev.pgeventstore.subscription.EventHandler;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.TreeMap;
import javax.sql.DataSource;

/** A table with the channel of every open ticket. */
final class OpenTickets {

  static final String CREATE =
      """
      create table if not exists public.open_tickets (
        ticket text not null,
        channel text not null,
        constraint open_tickets_pkey primary key (ticket)
      )
      """;

  private static final String ADD =
      """
      insert into public.open_tickets (ticket, channel)
      values (?, ?)
      """;

  private static final String REMOVE =
      """
      delete from public.open_tickets
       where ticket = ?
      """;

  private static final String ALL =
      """
      select ticket, channel
        from public.open_tickets
      """;

  private OpenTickets() {}

  // tag::handler[]
  /** No commit, no rollback, no close: the subscription ends the transaction. */
  static final EventHandler HANDLER =
      EventHandler.on(Opened.class, (opened, context) -> add(opened.channel(), context))
          .on(Closed.class, (closed, context) -> remove(context));

  // end::handler[]

  private static void add(String channel, EventContext context) throws SQLException {
    try (PreparedStatement insert = context.connection().prepareStatement(ADD)) {
      insert.setString(1, context.event().stream().key());
      insert.setString(2, channel);
      insert.executeUpdate();
    }
  }

  private static void remove(EventContext context) throws SQLException {
    try (PreparedStatement delete = context.connection().prepareStatement(REMOVE)) {
      delete.setString(1, context.event().stream().key());
      delete.executeUpdate();
    }
  }

  /** The channel of each ticket. */
  static Map<String, String> read(DataSource database) throws SQLException {
    Map<String, String> channels = new TreeMap<>();
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(ALL)) {
      while (rows.next()) {
        channels.put(rows.getString("ticket"), rows.getString("channel"));
      }
    }
    return channels;
  }
}
