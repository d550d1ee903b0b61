package dev.pgeventstore.testkit.servers;

import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * A database of a server.
 *
 * @param url its JDBC address, with user and password
 */
public record Database(String url) {

  /**
   * A data source without a pool: each connection is a new one.
   *
   * @return the data source
   */
  public DataSource dataSource() {
    PGSimpleDataSource dataSource = new PGSimpleDataSource();
    dataSource.setUrl(url);
    return dataSource;
  }

  /**
   * Opens a new connection.
   *
   * @return the connection, in auto-commit mode
   * @throws SQLException if the server cannot be reached
   */
  public Connection open() throws SQLException {
    return dataSource().getConnection();
  }

  /** The name of the database. */
  String name() {
    return url.replaceFirst("^jdbc:postgresql://[^/]+/([^?]*).*$", "$1");
  }

  /**
   * The same database, for another user, who needs no password.
   *
   * @param user an existing role that may log in
   * @return the database, with that user in its address
   */
  public Database as(String user) {
    return new Database(
        url.replaceFirst("user=[^&]*", "user=" + user).replaceFirst("&?password=[^&]*", ""));
  }
}
