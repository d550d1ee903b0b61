package dev.pgeventstore.testkit.servers;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives tests a {@link Database} of their own, as a parameter of a test method, a set-up method or
 * the constructor; all parameters of one test are the same database. Its server is started for the
 * first one and stopped after the last. A test that kills servers starts one itself.
 */
public final class PostgresExtension implements ParameterResolver {

  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(PostgresExtension.class);

  /** Made by JUnit. */
  public PostgresExtension() {}

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    Class<?> type = parameter.getParameter().getType();
    return type == Database.class || type == PostgresServer.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    PostgresServer server =
        context
            .getRoot()
            .getStore(NAMESPACE)
            .computeIfAbsent("server", key -> PostgresServer.start(), PostgresServer.class);
    if (parameter.getParameter().getType() == PostgresServer.class) {
      return server;
    }
    return context
        .getStore(NAMESPACE)
        .computeIfAbsent(
            "database:" + context.getUniqueId(), key -> server.createDatabase(), Database.class);
  }
}
