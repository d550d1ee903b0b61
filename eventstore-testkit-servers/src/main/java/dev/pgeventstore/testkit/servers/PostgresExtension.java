package dev.pgeventstore.testkit.servers;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Gives tests a {@link Database} of their own, as a parameter of a test method, a set-up method or
 * the constructor; all parameters of one test are the same database, which is dropped after the
 * test. It holds what every {@link DatabaseTemplate} has filled in, unless the test or its class is
 * annotated with {@link EmptyDatabase}.
 *
 * <p>The server is shared by all tests of the process, may run several of them at once, and flushes
 * nothing. It is started for the first test and stopped after the last. A test that kills or
 * restarts a server, resets its statistics, leaves prepared transactions or looks at what is on
 * disk starts one of its own with {@link PostgresServer#start()}.
 */
public final class PostgresExtension implements ParameterResolver {

  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(PostgresExtension.class);

  /** Made by JUnit. */
  public PostgresExtension() {}

  /** A constructor is called for one test, and gets the database of that test. */
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
