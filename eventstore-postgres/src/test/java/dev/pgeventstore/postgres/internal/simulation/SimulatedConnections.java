package dev.pgeventstore.postgres.internal.simulation;

import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Session;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * JDBC, as far as the engine uses it, in front of the simulated PostgreSQL: the engine's own
 * statements are sent, with its own parameters, and {@link SimulatedStatements} knows what they do.
 */
final class SimulatedConnections {

  private SimulatedConnections() {}

  /** Connections for a process. */
  static DataSource of(SimulatedPostgres postgres, SimulatedScheduler.Node client) {
    return proxy(
        DataSource.class,
        (method, arguments) ->
            switch (method) {
              case "getConnection" -> new Jdbc(postgres.connect(client)).connection;
              default -> throw unknown(method);
            });
  }

  private static UnsupportedOperationException unknown(String method) {
    return new UnsupportedOperationException("teach SimulatedConnections: " + method);
  }

  private static <T> T proxy(Class<T> type, Calls calls) {
    InvocationHandler handler =
        (proxy, method, arguments) ->
            switch (method.getName()) {
              case "toString" -> "simulated " + type.getSimpleName();
              case "hashCode" -> System.identityHashCode(proxy);
              case "equals" -> proxy == arguments[0];
              default ->
                  calls.call(method.getName(), arguments == null ? new Object[0] : arguments);
            };
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  private interface Calls {
    @Nullable Object call(String method, Object[] arguments) throws SQLException;
  }

  /**
   * What a statement answers.
   *
   * @param rows by column, the first at 0
   * @param updated how many rows it has changed
   */
  record Answer(List<Object[]> rows, int updated) {
    static Answer rows(List<Object[]> rows) {
      return new Answer(rows, rows.size());
    }

    static Answer row(@Nullable Object... columns) {
      return rows(List.<Object[]>of(columns));
    }

    static Answer updated(int rows) {
      return new Answer(List.of(), rows);
    }
  }

  private static final class Jdbc {

    private final Session session;
    private final Connection connection = proxy(Connection.class, this::call);
    private boolean autoCommit = true;

    Jdbc(Session session) {
      this.session = session;
    }

    private @Nullable Object call(String method, Object[] arguments) throws SQLException {
      switch (method) {
        case "prepareStatement" -> {
          return new Prepared((String) arguments[0]).statement;
        }
        case "createArrayOf" -> {
          Object[] elements = (Object[]) arguments[1];
          return proxy(Array.class, (m, a) -> elements);
        }
        case "getAutoCommit" -> {
          return autoCommit;
        }
        case "setAutoCommit" -> {
          boolean wanted = (Boolean) arguments[0];
          if (wanted && !autoCommit) {
            session.commit();
          }
          autoCommit = wanted;
          return null;
        }
        case "commit" -> session.commit();
        case "rollback" -> session.rollback();
        case "close" -> session.close();
        case "isClosed" -> {
          return session.isClosed();
        }
        case "getNetworkTimeout" -> {
          return 0;
        }
        case "setNetworkTimeout" -> {}
        case "unwrap" -> {
          return ((Class<?>) arguments[0]).cast(connection);
        }
        case "isWrapperFor" -> {
          return ((Class<?>) arguments[0]).isInstance(connection);
        }
        default -> throw unknown("Connection." + method);
      }
      return null;
    }

    private final class Prepared {

      private final String sql;
      private final Object[] parameters = new Object[24];
      private final PreparedStatement statement = proxy(PreparedStatement.class, this::call);
      private @Nullable Answer answer;

      Prepared(String sql) {
        this.sql = sql;
      }

      private @Nullable Object call(String method, Object[] arguments) throws SQLException {
        if (method.startsWith("set") && arguments.length == 2) {
          Object value = arguments[1];
          parameters[(Integer) arguments[0]] =
              value instanceof Array array ? array.getArray() : value;
          return null;
        }
        switch (method) {
          case "executeQuery" -> {
            return rows(execute());
          }
          case "executeUpdate" -> {
            return execute().updated();
          }
          case "execute" -> {
            return !execute().rows().isEmpty();
          }
          case "getResultSet" -> {
            return rows(answer);
          }
          case "getUpdateCount" -> {
            return answer.updated();
          }
          case "getConnection" -> {
            return connection;
          }
          case "setQueryTimeout", "close", "clearParameters" -> {
            return null;
          }
          case "getMoreResults" -> {
            return true;
          }
          default -> throw unknown("PreparedStatement." + method);
        }
      }

      private Answer execute() throws SQLException {
        Answer executed =
            session.execute(
                autoCommit, in -> SimulatedStatements.execute(session, in, sql, parameters));
        answer = executed;
        return executed;
      }
    }

    private static ResultSet rows(Answer answer) {
      return proxy(ResultSet.class, new Rows(answer.rows())::call);
    }
  }

  private static final class Rows {

    private final List<Object[]> rows;
    private int at = -1;
    private boolean wasNull;

    Rows(List<Object[]> rows) {
      this.rows = rows;
    }

    private @Nullable Object call(String method, Object[] arguments) {
      switch (method) {
        case "next" -> {
          return ++at < rows.size();
        }
        case "wasNull" -> {
          return wasNull;
        }
        case "close" -> {
          return null;
        }
        default -> {}
      }
      Object value = rows.get(at)[(Integer) arguments[0] - 1];
      wasNull = value == null;
      return switch (method) {
        case "getLong" -> value == null ? 0L : ((Number) value).longValue();
        case "getInt" -> value == null ? 0 : ((Number) value).intValue();
        case "getBoolean" -> value != null && (Boolean) value;
        case "getString", "getBytes", "getObject" -> value;
        case "getArray" -> value == null ? null : proxy(Array.class, (m, a) -> value);
        default -> throw unknown("ResultSet." + method);
      };
    }
  }
}
