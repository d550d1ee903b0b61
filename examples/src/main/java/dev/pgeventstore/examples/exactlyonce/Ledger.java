package dev.pgeventstore.examples.exactlyonce;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.consumer.RelayedBatch;
import dev.pgeventstore.kafka.consumer.RelayedRecord;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.TreeMap;
import javax.sql.DataSource;

/**
 * The ledger's table. It has no constraint against repeated entries, so an event that is handled
 * twice would count twice.
 */
final class Ledger {

  private static final String CREATE =
      """
      create table public.ledger (
        account text not null,
        cents bigint not null,
        entries bigint not null,
        constraint ledger_pkey primary key (account)
      )
      """;

  private static final String ENTER =
      """
      insert into public.ledger as l (account, cents, entries)
      values (?, ?, 1)
      on conflict on constraint ledger_pkey do update
         set cents = l.cents + excluded.cents,
             entries = l.entries + 1
      """;

  private static final String ENTRIES =
      """
      select coalesce(sum(entries), 0)
        from public.ledger
      """;

  private static final String BALANCES =
      """
      select account, cents
        from public.ledger
      """;

  private Ledger() {}

  static void createTable(DataSource database) throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(CREATE);
    }
  }

  static void enter(RelayedBatch batch) throws SQLException {
    try (PreparedStatement statement = batch.connection().prepareStatement(ENTER)) {
      for (RelayedRecord record : batch) {
        RecordedEvent event = record.event();
        statement.setString(1, event.stream().toString());
        statement.setLong(2, ((MoneyEvent) event.payload()).change());
        statement.addBatch();
      }
      statement.executeBatch();
    }
  }

  static long entries(DataSource database) throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(ENTRIES)) {
      row.next();
      return row.getLong(1);
    }
  }

  /** The cents on each account. */
  static Map<String, Long> balances(DataSource database) throws SQLException {
    Map<String, Long> balances = new TreeMap<>();
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(BALANCES)) {
      while (rows.next()) {
        balances.put(rows.getString("account"), rows.getLong("cents"));
      }
    }
    return balances;
  }
}
