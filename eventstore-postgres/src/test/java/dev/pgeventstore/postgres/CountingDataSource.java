package dev.pgeventstore.postgres;

import java.io.PrintWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Logger;
import javax.sql.DataSource;

/**
 * Keeps the text of every statement that is executed through its connections, and may be given what
 * is to happen first.
 */
final class CountingDataSource implements DataSource {

  private final DataSource real;
  private volatile Before before = sql -> {};
  private final List<String> statements = new CopyOnWriteArrayList<>();

  CountingDataSource(DataSource real) {
    this.real = real;
  }

  /** Lets something happen before each statement that is executed from now on. */
  void before(Before action) {
    before = action;
  }

  void reset() {
    statements.clear();
  }

  /** What was executed since the last reset; notifications to other processes are not counted. */
  List<String> statements() {
    return statements.stream().filter(sql -> !sql.contains("pg_notify")).toList();
  }

  @Override
  public Connection getConnection() throws SQLException {
    return watched(Connection.class, real.getConnection(), "");
  }

  @Override
  public Connection getConnection(String user, String password) throws SQLException {
    return watched(Connection.class, real.getConnection(user, password), "");
  }

  private <T> T watched(Class<T> type, Object target, String sql) {
    return type.cast(
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> {
              String text =
                  arguments != null && arguments.length > 0 && arguments[0] instanceof String given
                      ? given
                      : sql;
              if (target instanceof Statement && method.getName().startsWith("execute")) {
                statements.add(text);
                before.execute(text);
              }
              Object result;
              try {
                result = method.invoke(target, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
              return result instanceof Statement
                  ? watched(method.getReturnType(), result, text)
                  : result;
            }));
  }

  @Override
  public PrintWriter getLogWriter() throws SQLException {
    return real.getLogWriter();
  }

  @Override
  public void setLogWriter(PrintWriter out) throws SQLException {
    real.setLogWriter(out);
  }

  @Override
  public void setLoginTimeout(int seconds) throws SQLException {
    real.setLoginTimeout(seconds);
  }

  @Override
  public int getLoginTimeout() throws SQLException {
    return real.getLoginTimeout();
  }

  @Override
  public Logger getParentLogger() throws SQLFeatureNotSupportedException {
    return real.getParentLogger();
  }

  @Override
  public <T> T unwrap(Class<T> type) throws SQLException {
    return real.unwrap(type);
  }

  @Override
  public boolean isWrapperFor(Class<?> type) throws SQLException {
    return real.isWrapperFor(type);
  }

  /** What happens before a statement is executed, by the thread that executes it. */
  @FunctionalInterface
  interface Before {
    void execute(String sql) throws Exception;
  }
}
