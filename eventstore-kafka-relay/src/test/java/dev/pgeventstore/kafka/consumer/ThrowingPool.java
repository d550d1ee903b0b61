package dev.pgeventstore.kafka.consumer;

import java.io.PrintWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.logging.Logger;
import javax.sql.DataSource;

/**
 * Hands out connections of which one method fails. A rollback fails before it is done, anything
 * else afterwards, and auto-commit only when it is switched on.
 */
final class ThrowingPool implements DataSource {

  private final DataSource behind;
  private final String failing;
  private final boolean unchecked;

  ThrowingPool(DataSource behind, String failing, boolean unchecked) {
    this.behind = behind;
    this.failing = failing;
    this.unchecked = unchecked;
  }

  @Override
  public Connection getConnection() throws SQLException {
    Connection real = behind.getConnection();
    return (Connection)
        Proxy.newProxyInstance(
            ThrowingPool.class.getClassLoader(),
            new Class<?>[] {Connection.class},
            (proxy, method, arguments) -> {
              boolean fails =
                  method.getName().equals(failing)
                      && (arguments == null || Boolean.TRUE.equals(arguments[0]));
              if (fails && failing.equals("rollback")) {
                throw failure();
              }
              Object result;
              try {
                result = method.invoke(real, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
              if (fails) {
                throw failure();
              }
              return result;
            });
  }

  private Exception failure() {
    return unchecked
        ? new IllegalStateException("the pool fails on purpose")
        : new SQLException("the pool fails on purpose", "08003");
  }

  @Override
  public Connection getConnection(String user, String password) throws SQLException {
    throw new SQLException("not here");
  }

  @Override
  public PrintWriter getLogWriter() {
    return new PrintWriter(System.err);
  }

  @Override
  public void setLogWriter(PrintWriter out) {}

  @Override
  public void setLoginTimeout(int seconds) {}

  @Override
  public int getLoginTimeout() {
    return 0;
  }

  @Override
  public Logger getParentLogger() {
    return Logger.getGlobal();
  }

  @Override
  public <T> T unwrap(Class<T> type) throws SQLException {
    throw new SQLException("not here");
  }

  @Override
  public boolean isWrapperFor(Class<?> type) {
    return false;
  }
}
