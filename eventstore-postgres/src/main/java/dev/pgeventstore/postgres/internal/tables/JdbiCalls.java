package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.JdbiException;

/**
 * Jdbi on a connection, for tables that are not on the hot paths. Failures of the database are
 * thrown unchanged: SQLSTATEs decide what can be retried, and nothing outside of the tables depends
 * on Jdbi.
 */
final class JdbiCalls {

  private JdbiCalls() {}

  static <T> T on(Connection connection, Function<Handle, T> call) throws SQLException {
    try {
      return call.apply(Jdbi.open(connection));
    } catch (JdbiException e) {
      if (e.getCause() instanceof SQLException cause) {
        throw cause;
      }
      throw e;
    }
  }
}
