package dev.pgeventstore.examples.visits;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.concurrent.Callable;
import javax.sql.DataSource;

/** A reader that queries the view continuously, and relies on its content. */
final class Reader implements Callable<Reader.Looks> {

  private static final String ALL = "select sum(visits) from public.visits";

  private final DataSource database;
  private volatile boolean stopped;

  Reader(DataSource database) {
    this.database = database;
  }

  /**
   * What the reader has seen.
   *
   * @param number the number of queries
   * @param first the visits that the view showed first
   * @param last the visits that the view showed last
   */
  record Looks(long number, long first, long last) {}

  /**
   * Queries the view until it is told to stop.
   *
   * @throws SQLException if the view does not exist
   * @throws IllegalStateException if the view shows fewer visits than before
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
