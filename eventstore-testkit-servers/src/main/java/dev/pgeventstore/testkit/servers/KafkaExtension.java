package dev.pgeventstore.testkit.servers;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Gives tests a {@link KafkaBroker} as a parameter of a test method, a set-up method or the
 * constructor. Test classes share one broker, which is started for the first class and stopped
 * after the last. Several classes may use it at once, so each creates its own topics. A class that
 * is annotated with {@link OwnBroker} has its own broker, from its first test to its last.
 */
public final class KafkaExtension implements ParameterResolver {

  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(KafkaExtension.class);

  /** Called by JUnit. */
  public KafkaExtension() {}

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == KafkaBroker.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    boolean isOwn = isForOneClass(context);
    ExtensionContext sharing = isOwn ? classOf(context) : context.getRoot();
    return sharing
        .getStore(NAMESPACE)
        .computeIfAbsent(
            "broker:" + sharing.getUniqueId(),
            key -> isOwn ? KafkaBroker.startOwn() : KafkaBroker.startShared(),
            KafkaBroker.class);
  }

  private static boolean isForOneClass(ExtensionContext context) {
    return AnnotationSupport.isAnnotated(context.getTestClass(), OwnBroker.class);
  }

  private static ExtensionContext classOf(ExtensionContext context) {
    ExtensionContext of = context;
    while (of.getTestMethod().isPresent()) {
      of = of.getParent().orElseThrow();
    }
    return of;
  }
}
