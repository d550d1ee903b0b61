package dev.pgeventstore.testkit.servers;

import java.sql.SQLException;

/**
 * What the database of a test holds when the test begins. {@link PostgresExtension} finds
 * implementations with {@link java.util.ServiceLoader}, has them fill one database for each server,
 * and gives every test a copy of it: a copy takes a fraction of the time that migrating takes.
 */
public interface DatabaseTemplate {

  /**
   * Fills the database that is copied. No connection to it may be open afterwards.
   *
   * @param database empty, or filled by other templates
   * @throws SQLException if that fails; then no test gets a database
   */
  void fill(Database database) throws SQLException;
}
