package dev.pgeventstore.kafka.internal.consumer;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks the consumer's database, on a connection of its own, whether it is well. */
public final class DatabaseProbe {

  private static final Logger LOG = LoggerFactory.getLogger(DatabaseProbe.class);

  private static final int PATIENCE_SECONDS = 5;

  private static final String IS_WRITABLE =
      "select pg_catalog.current_setting('transaction_read_only') = 'off'";

  private final DataSource dataSource;

  public DatabaseProbe(DataSource dataSource) {
    this.dataSource = dataSource;
  }

  /** It answers, and may be written to. */
  public boolean isWell() {
    try (Connection connection = dataSource.getConnection()) {
      boolean well =
          MarksTable.isPostgres(connection)
              ? isWritable(connection)
              : connection.isValid(PATIENCE_SECONDS) && !connection.isReadOnly();
      if (!connection.getAutoCommit()) {
        connection.rollback();
      }
      return well;
    } catch (SQLException | RuntimeException e) {
      LOG.debug("The database is not well", e);
      return false;
    }
  }

  private static boolean isWritable(Connection connection) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(IS_WRITABLE)) {
      statement.setQueryTimeout(PATIENCE_SECONDS);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() && row.getBoolean(1);
      }
    }
  }
}
