package dev.pgeventstore.testkit.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class PostgresServerTest {

  @Test
  void each_test_has_its_own_empty_database(PostgresServer server, Database mine)
      throws SQLException {
    Database other = server.createDatabase();
    execute(mine, "create table t (x int)");

    assertThat(mine.url()).isNotEqualTo(other.url());
    assertThat(query(other, "select count(*) from pg_tables where tablename = 't'")).isEqualTo("0");
  }

  @Test
  void commits_are_flushed_as_on_any_server() throws SQLException {
    try (PostgresServer server = PostgresServer.start()) {
      Database database = server.createDatabase();
      assertThat(query(database, "show fsync")).isEqualTo("on");
      assertThat(query(database, "show synchronous_commit")).isEqualTo("on");
    }
  }

  @Test
  void what_was_committed_survives_a_kill() throws SQLException {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      Database database = server.createDatabase();
      execute(database, "create table t (x int)");
      execute(database, "insert into t values (42)");

      server.killHard();
      assertThatThrownBy(() -> query(database, "select 1")).isInstanceOf(SQLException.class);
      server.restart();

      assertThat(query(database, "select x from t")).isEqualTo("42");
    }
  }

  private static void execute(Database database, String sql) throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static String query(Database database, String sql) throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getString(1);
    }
  }
}
