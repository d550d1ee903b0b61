package dev.pgeventstore.internal;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A connection that refuses to end its transaction, and reports its first use. Everything else,
 * savepoints too, goes to the wrapped connection.
 */
final class GuardedConnection implements InvocationHandler {

  private static final String ACTIVE_TRANSACTION = "25001";

  /** They send nothing that belongs to the transaction, and some must come before it begins. */
  private static final Set<String> OUTSIDE =
      Set.of(
          "isClosed",
          "getAutoCommit",
          "getTransactionIsolation",
          "setTransactionIsolation",
          "isReadOnly",
          "setReadOnly",
          "getWarnings",
          "clearWarnings",
          "getNetworkTimeout",
          "setNetworkTimeout",
          "isWrapperFor");

  private final Connection behind;
  private final String borrower;
  private final FirstUse firstUse;
  private final Connection guarded;
  private boolean used;
  private volatile boolean ended;

  GuardedConnection(Connection behind, String borrower, FirstUse firstUse) {
    this.behind = behind;
    this.borrower = borrower;
    this.firstUse = firstUse;
    this.guarded =
        (Connection)
            Proxy.newProxyInstance(
                GuardedConnection.class.getClassLoader(), new Class<?>[] {Connection.class}, this);
  }

  Connection asConnection() {
    return guarded;
  }

  boolean isUsed() {
    return used;
  }

  void end() {
    ended = true;
  }

  @Override
  public @Nullable Object invoke(Object proxy, Method method, Object @Nullable [] arguments)
      throws Throwable {
    String name = method.getName();
    if (method.getDeclaringClass() == Object.class) {
      return switch (name) {
        case "equals" -> arguments != null && arguments[0] == proxy;
        case "hashCode" -> System.identityHashCode(proxy);
        default -> "connection of " + borrower + ", " + behind;
      };
    }
    if (ended) {
      throw new SQLException(
          "%s is called after %s has returned: its connection is not its own any more"
              .formatted(name, borrower),
          ACTIVE_TRANSACTION);
    }
    if (endsTransaction(name, arguments)) {
      throw new SQLException(
          "%s must not call %s: what it writes commits when it has returned, together with what says that it is done. For a part of it use a savepoint"
              .formatted(borrower, name),
          ACTIVE_TRANSACTION);
    }
    if (name.equals("setAutoCommit")) {
      return null;
    }
    if (!used && !OUTSIDE.contains(name)) {
      used = true;
      firstUse.begin();
    }
    try {
      return method.invoke(behind, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static boolean endsTransaction(String name, Object @Nullable [] arguments) {
    return switch (name) {
      case "commit", "close", "abort" -> true;
      case "rollback" -> arguments == null;
      case "setAutoCommit" -> arguments != null && Boolean.TRUE.equals(arguments[0]);
      default -> false;
    };
  }

  /** What is done before the connection is used. */
  interface FirstUse {
    void begin() throws SQLException;
  }
}
