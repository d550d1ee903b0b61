package dev.pgeventstore.testkit.servers;

import java.sql.SQLException;

/**
 * What the database of a test holds when the test begins. {@link PostgresExtension} finds
 * implementations with {@link java.util.ServiceLoader}, and lets them fill one database for each
 * server. Every test gets a copy of that database, because copying is much faster than migrating.
 */
public interface DatabaseTemplate {

  /**
   * Fills the database that is copied. No connection to it may be open afterwards.
   *
   * @param database a database that is empty, or filled by other templates
   * @throws SQLException if the database cannot be filled; then no test gets a database
   */
  void fill(Database database) throws SQLException;
}
