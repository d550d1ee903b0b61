package dev.pgeventstore.postgres.internal.tables;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Warns once of a store that is used within a transaction of its own data source, in which it takes
 * no part: what it appends stays if that is rolled back. Only Spring's transactions can be noticed;
 * without Spring on the class path this does nothing.
 */
public final class UnjoinedTransactions {

  private static final Logger LOG = LoggerFactory.getLogger(UnjoinedTransactions.class);

  private static final @Nullable MethodHandle IS_ACTIVE =
      find("isActualTransactionActive", MethodType.methodType(boolean.class));
  private static final @Nullable MethodHandle HAS_RESOURCE =
      find("hasResource", MethodType.methodType(boolean.class, Object.class));

  private final DataSource dataSource;
  private final AtomicBoolean warned = new AtomicBoolean();

  public UnjoinedTransactions(DataSource dataSource) {
    this.dataSource = dataSource;
  }

  private static @Nullable MethodHandle find(String method, MethodType type) {
    try {
      return MethodHandles.publicLookup()
          .findStatic(
              Class.forName(
                  "org.springframework.transaction.support.TransactionSynchronizationManager",
                  true,
                  UnjoinedTransactions.class.getClassLoader()),
              method,
              type);
    } catch (ReflectiveOperationException | LinkageError e) {
      return null;
    }
  }

  /** Looks whether the calling thread is in such a transaction. */
  public void check(Object append) {
    if (isIn() && warned.compareAndSet(false, true)) {
      LOG.warn(
          "{} is committed alone, although a transaction of the store's data source is active: it"
              + " stays if that is rolled back. Use the store of eventstore-spring-boot, which"
              + " joins transactions, or within(connection). This is logged once",
          append);
    }
  }

  private boolean isIn() {
    if (IS_ACTIVE == null || HAS_RESOURCE == null) {
      return false;
    }
    try {
      return (boolean) IS_ACTIVE.invokeExact()
          && (boolean) HAS_RESOURCE.invokeExact((Object) dataSource);
    } catch (Throwable e) {
      return false; // A warning that cannot be given must not fail the append.
    }
  }
}
