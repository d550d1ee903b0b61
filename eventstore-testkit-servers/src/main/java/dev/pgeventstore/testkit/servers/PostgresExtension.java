package dev.pgeventstore.testkit.servers;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Gives each test its own {@link Database}, as a parameter of the test method, a set-up method or
 * the constructor. All parameters of one test are the same database, which is dropped after the
 * test. The database holds what every {@link DatabaseTemplate} has written, unless the test or its
 * class is annotated with {@link EmptyDatabase}.
 *
 * <p>All tests of the process share one server, possibly several at once, and it flushes nothing to
 * disk. The server is started for the first test and stopped after the last. If a test kills or
 * restarts a server, resets its statistics, leaves prepared transactions or looks at its files, the
 * test starts its own server with {@link PostgresServer#start()}.
 */
public final class PostgresExtension implements ParameterResolver {

  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(PostgresExtension.class);

  /** Called by JUnit. */
  public PostgresExtension() {}

  /** The scope of one test, so that the constructor gets the database of that test. */
  @Override
  public ExtensionContextScope getTestInstantiationExtensionContextScope(ExtensionContext root) {
    return ExtensionContextScope.TEST_METHOD;
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    Class<?> type = parameter.getParameter().getType();
    return type == Database.class || type == PostgresServer.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    SharedPostgres shared =
        context
            .getRoot()
            .getStore(NAMESPACE)
            .computeIfAbsent("server", key -> new SharedPostgres(), SharedPostgres.class);
    if (parameter.getParameter().getType() == PostgresServer.class) {
      return shared.server();
    }
    return context
        .getStore(NAMESPACE)
        .computeIfAbsent(
            "database:" + context.getUniqueId(),
            key -> isEmpty(context) ? shared.emptyDatabase() : shared.filledDatabase(),
            SharedPostgres.DroppedAtTheEnd.class)
        .database();
  }

  private static boolean isEmpty(ExtensionContext context) {
    return AnnotationSupport.isAnnotated(context.getElement(), EmptyDatabase.class)
        || AnnotationSupport.isAnnotated(context.getTestClass(), EmptyDatabase.class);
  }
}
