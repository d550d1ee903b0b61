package dev.pgeventstore.examples.requests;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.examples.requests.SeminarEvent.Booked;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Set;
import java.util.TreeSet;
import javax.sql.DataSource;

/** The view: who has a seat in which seminar. It follows the events in four partitions. */
final class SeatList {

  private static final String CREATE =
      """
      create table if not exists public.seats (
        seminar text not null,
        person text not null,
        constraint seats_pkey primary key (seminar, person)
      )
      """;

  private static final String ADD =
      """
      insert into public.seats (seminar, person)
      values (?, ?)
      """;

  private static final String OF_SEMINAR =
      """
      select person
        from public.seats
       where seminar = ?
      """;

  private SeatList() {}

  static void createTable(DataSource database) throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(CREATE);
    }
  }

  static Subscription follow(EventStore store) {
    return Subscriptions.of(store)
        .create("seats")
        .category("seminar")
        .types(Booked.class)
        .partitions(4)
        .handler(SeatList::add)
        .start();
  }

  private static void add(EventBatch batch) throws SQLException {
    try (PreparedStatement insert = batch.connection().prepareStatement(ADD)) {
      for (RecordedEvent event : batch) {
        insert.setString(1, event.stream().key());
        insert.setString(2, ((Booked) event.payload()).person());
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  static Set<String> of(String seminar, DataSource database) throws SQLException {
    Set<String> people = new TreeSet<>();
    try (Connection connection = database.getConnection();
        PreparedStatement select = connection.prepareStatement(OF_SEMINAR)) {
      select.setString(1, seminar);
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          people.add(rows.getString("person"));
        }
      }
    }
    return people;
  }
}
