package dev.pgeventstore.postgres;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.Statement;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;

/**
 * Connections of a process that may freeze: before one of its requests to the server, all threads
 * that send a request stop, until it thaws. The server sees what it sees of a process that was
 * stopped with SIGSTOP. For many threads.
 */
final class FreezableDataSource {

  private static final Set<String> ENDINGS = Set.of("commit", "rollback");

  private final DataSource real;
  private final AtomicInteger left = new AtomicInteger(Integer.MAX_VALUE);
  private final CountDownLatch thawed = new CountDownLatch(1);
  private volatile boolean frozen;

  FreezableDataSource(DataSource real) {
    this.real = real;
  }

  /** Lets it freeze after so many requests more. */
  void freezeAfter(int requests) {
    left.set(requests);
  }

  /** It goes on, and does not freeze again. */
  void thaw() {
    left.set(Integer.MAX_VALUE);
    thawed.countDown();
  }

  boolean isFrozen() {
    return frozen;
  }

  private void request() {
    if (left.getAndDecrement() > 0) {
      return;
    }
    frozen = true;
    boolean interrupted = false;
    while (true) {
      try {
        thawed.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** What a pool takes. */
  DataSource dataSource() {
    return proxy(
        DataSource.class,
        (proxy, method, arguments) -> {
          if (!method.getName().equals("getConnection")) {
            return call(real, method, arguments);
          }
          request();
          return connection(real.getConnection());
        });
  }

  private Connection connection(Connection connection) {
    return proxy(
        Connection.class,
        (proxy, method, arguments) -> {
          if (ENDINGS.contains(method.getName())) {
            request();
          }
          return statement(call(connection, method, arguments));
        });
  }

  private Object statement(Object result) {
    if (result instanceof PreparedStatement statement) {
      return proxy(PreparedStatement.class, requests(statement));
    }
    if (result instanceof Statement statement) {
      return proxy(Statement.class, requests(statement));
    }
    return result;
  }

  private InvocationHandler requests(Statement statement) {
    return (proxy, method, arguments) -> {
      if (method.getName().startsWith("execute")) {
        request();
      }
      return call(statement, method, arguments);
    };
  }

  private static Object call(Object on, Method method, Object[] arguments) throws Throwable {
    try {
      return method.invoke(on, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static <T> T proxy(Class<T> type, InvocationHandler handler) {
    return type.cast(
        Proxy.newProxyInstance(
            FreezableDataSource.class.getClassLoader(), new Class<?>[] {type}, handler));
  }
}
