package dev.pgeventstore.postgres.internal.schema;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Connections on which Flyway leaves no trace. It sets the search path of its session, and another
 * one later; but behind a pooler in transaction mode each statement may go to another connection of
 * the server, and other clients would find our tables instead of theirs. None of our statements
 * needs a search path, so it is set for that one statement only.
 */
final class FlywayConnections {

  private static final String FOR_THE_SESSION = "set_config('search_path', ?, false)";
  private static final String FOR_THE_STATEMENT = "set_config('search_path', ?, true)";

  private FlywayConnections() {}

  static DataSource of(DataSource dataSource) {
    return proxy(
        DataSource.class,
        (method, arguments) -> {
          Object result = invoke(dataSource, method, arguments);
          return result instanceof Connection connection ? traceless(connection) : result;
        });
  }

  private static Connection traceless(Connection connection) {
    return proxy(
        Connection.class,
        (method, arguments) -> {
          if (method.getName().equals("prepareStatement") && arguments[0] instanceof String sql) {
            arguments[0] = sql.replace(FOR_THE_SESSION, FOR_THE_STATEMENT);
          }
          return invoke(connection, method, arguments);
        });
  }

  private static <T> T proxy(Class<T> type, Call call) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, arguments) ->
                call.on(method, arguments == null ? new Object[0] : arguments)));
  }

  private static @Nullable Object invoke(Object target, Method method, Object[] arguments)
      throws Throwable {
    try {
      return method.invoke(target, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private interface Call {
    @Nullable Object on(Method method, Object[] arguments) throws Throwable;
  }
}
