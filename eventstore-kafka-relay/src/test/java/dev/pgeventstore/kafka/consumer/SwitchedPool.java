package dev.pgeventstore.kafka.consumer;

import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Logger;
import javax.sql.DataSource;

/** A data source in place of another one, which can be exchanged. Closing it closes nothing. */
final class SwitchedPool implements DataSource, AutoCloseable {

  private final AtomicInteger taken = new AtomicInteger();
  private volatile DataSource current;

  SwitchedPool(DataSource first) {
    current = first;
  }

  void use(DataSource next) {
    current = next;
    taken.set(0);
  }

  /** How often a connection was asked for since the last exchange. */
  int taken() {
    return taken.get();
  }

  @Override
  public Connection getConnection() throws SQLException {
    taken.incrementAndGet();
    return current.getConnection();
  }

  @Override
  public Connection getConnection(String user, String password) throws SQLException {
    return current.getConnection(user, password);
  }

  @Override
  public PrintWriter getLogWriter() throws SQLException {
    return current.getLogWriter();
  }

  @Override
  public void setLogWriter(PrintWriter out) throws SQLException {
    current.setLogWriter(out);
  }

  @Override
  public void setLoginTimeout(int seconds) throws SQLException {
    current.setLoginTimeout(seconds);
  }

  @Override
  public int getLoginTimeout() throws SQLException {
    return current.getLoginTimeout();
  }

  @Override
  public Logger getParentLogger() {
    return Logger.getGlobal();
  }

  @Override
  public <T> T unwrap(Class<T> type) throws SQLException {
    return current.unwrap(type);
  }

  @Override
  public boolean isWrapperFor(Class<?> type) throws SQLException {
    return current.isWrapperFor(type);
  }

  @Override
  public void close() {}
}
