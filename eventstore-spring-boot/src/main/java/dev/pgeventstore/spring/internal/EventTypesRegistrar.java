package dev.pgeventstore.spring.internal;

import dev.pgeventstore.codec.EventType;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.annotation.AnnotatedBeanDefinition;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.boot.autoconfigure.AutoConfigurationPackages;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.annotation.ClassPathScanningCandidateComponentProvider;
import org.springframework.context.annotation.ImportBeanDefinitionRegistrar;
import org.springframework.core.env.Environment;
import org.springframework.core.io.ResourceLoader;
import org.springframework.core.type.AnnotationMetadata;
import org.springframework.core.type.filter.AnnotationTypeFilter;

/**
 * Finds the classes with {@link EventType}. Their names become part of a bean definition, so that
 * an application that was prepared ahead of time searches nothing.
 */
final class EventTypesRegistrar implements ImportBeanDefinitionRegistrar {

  private final Environment environment;
  private final BeanFactory beans;
  private final ResourceLoader resources;

  EventTypesRegistrar(Environment environment, BeanFactory beans, ResourceLoader resources) {
    this.environment = environment;
    this.beans = beans;
    this.resources = resources;
  }

  @Override
  public void registerBeanDefinitions(
      AnnotationMetadata importing, BeanDefinitionRegistry registry) {
    RootBeanDefinition definition = new RootBeanDefinition(ScannedEventTypes.class);
    definition
        .getConstructorArgumentValues()
        .addIndexedArgumentValue(0, scan(packages()).toArray(String[]::new));
    registry.registerBeanDefinition("scannedEventTypes", definition);
  }

  private List<String> packages() {
    List<String> given =
        Binder.get(environment)
            .bind("eventstore.event-packages", Bindable.listOf(String.class))
            .orElse(List.of());
    if (!given.isEmpty()) {
      return given;
    }
    return AutoConfigurationPackages.has(beans) ? AutoConfigurationPackages.get(beans) : List.of();
  }

  private Set<String> scan(List<String> packages) {
    ClassPathScanningCandidateComponentProvider scanner =
        new ClassPathScanningCandidateComponentProvider(false, environment) {
          @Override
          protected boolean isCandidateComponent(AnnotatedBeanDefinition found) {
            return !found.getMetadata().isAbstract();
          }
        };
    scanner.setResourceLoader(resources);
    scanner.addIncludeFilter(new AnnotationTypeFilter(EventType.class));
    Set<String> names = new TreeSet<>();
    for (String each : packages) {
      for (BeanDefinition found : scanner.findCandidateComponents(each)) {
        names.add(String.valueOf(found.getBeanClassName()));
      }
    }
    return names;
  }
}
