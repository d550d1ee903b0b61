package dev.pgeventstore.spring.internal;

import dev.pgeventstore.codec.EventTypes;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.BeanClassLoaderAware;
import org.springframework.util.ClassUtils;

/** The events that were found, by the names of their classes. */
final class ScannedEventTypes implements BeanClassLoaderAware {

  private static final Logger LOG = LoggerFactory.getLogger(ScannedEventTypes.class);

  private final String[] names;
  private ClassLoader loader = ScannedEventTypes.class.getClassLoader();

  ScannedEventTypes(String[] names) {
    this.names = names.clone();
  }

  @Override
  public void setBeanClassLoader(ClassLoader with) {
    this.loader = with;
  }

  EventTypes types() {
    if (names.length == 0) {
      LOG.warn(
          "No class with @EventType was found, so no event can be appended. If the events are not"
              + " in the package of the application's class or below, name their packages in"
              + " eventstore.event-packages");
    }
    return EventTypes.of(classes(loader, names));
  }

  static Class<?>[] classes(ClassLoader loader, String... names) {
    return Stream.of(names)
        .map(name -> ClassUtils.resolveClassName(name, loader))
        .toArray(Class<?>[]::new);
  }
}
