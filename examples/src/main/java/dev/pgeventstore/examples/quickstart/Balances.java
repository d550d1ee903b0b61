package dev.pgeventstore.examples.quickstart;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.examples.quickstart.AccountEvent.Deposited;
import dev.pgeventstore.examples.quickstart.AccountEvent.Withdrawn;
import dev.pgeventstore.subscription.EventContext;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.TreeMap;
import javax.sql.DataSource;

/** A table with the balance of every account, kept by a subscription in the same database. */
final class Balances {

  private static final String CREATE =
      """
      create table if not exists public.balances (
        account text not null,
        cents bigint not null,
        constraint balances_pkey primary key (account)
      )
      """;

  private static final String ADD =
      """
      insert into public.balances as b (account, cents)
      values (?, ?)
      on conflict on constraint balances_pkey do update set cents = b.cents + excluded.cents
      """;

  private static final String ALL =
      """
      select account, cents
        from public.balances
      """;

  private Balances() {}

  static void createTable(DataSource database) throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(CREATE);
    }
  }

  /** Starts to follow the accounts, from where the subscription last stopped. */
  static Subscription follow(EventStore store) {
    return Subscriptions.of(store)
        .create("balances")
        .category(Bank.CATEGORY)
        .handler(
            EventHandler.on(Deposited.class, (event, context) -> add(event.cents(), context))
                .on(Withdrawn.class, (event, context) -> add(-event.cents(), context)))
        .start();
  }

  // The checkpoint commits together with these rows, so every event is added exactly once.
  private static void add(long cents, EventContext context) throws SQLException {
    try (PreparedStatement statement = context.connection().prepareStatement(ADD)) {
      statement.setString(1, context.event().stream().key());
      statement.setLong(2, cents);
      statement.executeUpdate();
    }
  }

  /** The cents on each account. */
  static Map<String, Long> read(DataSource database) throws SQLException {
    Map<String, Long> cents = new TreeMap<>();
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(ALL)) {
      while (rows.next()) {
        cents.put(rows.getString("account"), rows.getLong("cents"));
      }
    }
    return cents;
  }
}
