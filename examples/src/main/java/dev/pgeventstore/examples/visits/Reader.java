package dev.pgeventstore.examples.visits;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.concurrent.Callable;
import javax.sql.DataSource;

/** Somebody who looks at the view all the time, and trusts it. */
final class Reader implements Callable<Reader.Looks> {

  private static final String ALL = "select sum(visits) from public.visits";

  private final DataSource database;
  private volatile boolean stopped;

  Reader(DataSource database) {
    this.database = database;
  }

  /**
   * What was seen.
   *
   * @param number how often the view was read
   * @param first the visits that it showed at first
   * @param last the visits that it showed at last
   */
  record Looks(long number, long first, long last) {}

  /**
   * Looks until told to stop.
   *
   * @throws SQLException if there is no view
   * @throws IllegalStateException if a visit has gone that was there before
   */
  @Override
  public Looks call() throws SQLException {
    try (Connection connection = database.getConnection();
        PreparedStatement all = connection.prepareStatement(ALL)) {
      long first = visits(all);
      long before = first;
      long number = 1;
      while (!stopped) {
        long visits = visits(all);
        if (visits < before) {
          throw new IllegalStateException(
              "the view showed %d visits, and then %d".formatted(before, visits));
        }
        before = visits;
        number++;
      }
      return new Looks(number, first, before);
    }
  }

  private static long visits(PreparedStatement all) throws SQLException {
    try (ResultSet row = all.executeQuery()) {
      row.next();
      return row.getLong(1);
    }
  }

  void stop() {
    stopped = true;
  }
}
