package dev.pgeventstore.postgres.internal.tables;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.EmptyDatabase;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import javax.sql.DataSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What was committed is no failure because the pool cannot take the connection back. */
@ExtendWith(PostgresExtension.class)
@EmptyDatabase
class PooledConnectionsTest {

  private Database database;
  private Exception complaint = new SQLException("the pool complains");
  private String throwing = "";

  @BeforeEach
  void open(Database database) throws SQLException {
    this.database = database;
    try (Connection connection = database.open();
        Statement statement = connection.createStatement()) {
      statement.execute("create table kept (id int)");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"close", "setAutoCommit"})
  void a_failure_after_the_commit_is_not_reported(String method) throws SQLException {
    throwing = method;
    PooledConnections connections = new PooledConnections(complaining());
    int insertedAlone = connections.use(c -> insert(c, 1));
    int inserted = connections.inTransaction(c -> insert(c, 2));
    complaint = new IllegalStateException("the pool complains");
    inserted += connections.inTransaction(c -> insert(c, 3));

    assertThat(insertedAlone + inserted).isEqualTo(3);
    assertThat(kept()).isEqualTo(3);
  }

  @ParameterizedTest
  @ValueSource(strings = {"close", "setAutoCommit"})
  void an_earlier_failure_is_the_one_that_is_reported(String method) throws SQLException {
    throwing = method;
    PooledConnections connections = new PooledConnections(complaining());

    assertThatThrownBy(
            () ->
                connections.inTransaction(
                    c -> {
                      insert(c, 1);
                      throw new SQLException("the work fails");
                    }))
        .hasMessage("the work fails")
        .satisfies(e -> assertThat(e.getSuppressed()).contains(complaint));
    assertThat(kept()).isZero();
  }

  private static int insert(Connection connection, int id) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      return statement.executeUpdate("insert into kept values (" + id + ")");
    }
  }

  private int kept() throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("select count(*) from kept")) {
      rows.next();
      return rows.getInt(1);
    }
  }

  /** Complains once it has done what it was asked for, of auto-commit when it is switched on. */
  private DataSource complaining() {
    return (DataSource)
        proxy(
            DataSource.class,
            database.dataSource(),
            (name, result) ->
                name.equals("getConnection")
                    ? proxy(Connection.class, result, (inner, value) -> value)
                    : result);
  }

  private Object proxy(Class<?> type, Object target, Wrapping wrapping) {
    return Proxy.newProxyInstance(
        getClass().getClassLoader(),
        new Class<?>[] {type},
        (proxy, method, arguments) -> {
          Object result;
          try {
            result = method.invoke(target, arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
          boolean begins = arguments != null && Boolean.FALSE.equals(arguments[0]);
          if (type == Connection.class && method.getName().equals(throwing) && !begins) {
            throw complaint;
          }
          return wrapping.wrap(method.getName(), result);
        });
  }

  private interface Wrapping {
    Object wrap(String method, Object result);
  }
}
