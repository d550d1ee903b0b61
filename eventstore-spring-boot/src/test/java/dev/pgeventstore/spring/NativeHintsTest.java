package dev.pgeventstore.spring;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.spring.OrderEvent.Placed;
import dev.pgeventstore.spring.internal.EventStoreProperties;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.springframework.aot.generate.ClassNameGenerator;
import org.springframework.aot.generate.DefaultGenerationContext;
import org.springframework.aot.generate.GeneratedFiles.Kind;
import org.springframework.aot.generate.InMemoryGeneratedFiles;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;
import org.springframework.boot.test.context.ConfigDataApplicationContextInitializer;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.aot.ApplicationContextAotGenerator;
import org.springframework.javapoet.ClassName;

/** What an application that is prepared ahead of time keeps for a native image. */
class NativeHintsTest {

  private final InMemoryGeneratedFiles files = new InMemoryGeneratedFiles();

  private RuntimeHints hints() {
    try (AnnotationConfigApplicationContext application =
        new AnnotationConfigApplicationContext()) {
      new ConfigDataApplicationContextInitializer().initialize(application);
      application.register(TestApplication.class);
      DefaultGenerationContext generation =
          new DefaultGenerationContext(
              new ClassNameGenerator(ClassName.get("org.example", "Application")), files);
      ClassName unused =
          new ApplicationContextAotGenerator().processAheadOfTime(application, generation);
      generation.writeGeneratedContent();
      return generation.getRuntimeHints();
    }
  }

  @Test
  void the_records_that_are_events_the_migrations_and_the_properties_are_kept() {
    RuntimeHints hints = hints();

    assertThat(RuntimeHintsPredicates.reflection().onType(Placed.class)).accepts(hints);
    assertThat(RuntimeHintsPredicates.reflection().onMethodInvocation(Placed.class, "what"))
        .accepts(hints);
    assertThat(
            RuntimeHintsPredicates.resource()
                .forResource("dev/pgeventstore/db/migration/V1__event_store.sql"))
        .accepts(hints);
    assertThat(RuntimeHintsPredicates.reflection().onType(EventStoreProperties.class))
        .accepts(hints);
  }

  @Test
  void the_events_are_not_searched_for_when_the_application_starts() throws IOException {
    hints();

    String definition =
        files.getGeneratedFileContent(
            Kind.SOURCE,
            "dev/pgeventstore/spring/internal/ScannedEventTypes__BeanDefinitions.java");
    assertThat(definition).contains("OrderEvent$Placed");
  }
}
