package dev.pgeventstore.postgres.classloaders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.EmptyDatabase;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Building a store does not depend on the context class loader of the thread that builds it. */
@EmptyDatabase
@ExtendWith(PostgresExtension.class)
class ClassLoadersTest {

  @TempDir static Path directory;

  /** Held, because its level is forgotten with it. In loaders of their own Flyway logs here. */
  private static final Logger FLYWAY = Logger.getLogger("org.flywaydb");

  private static List<Path> jars;
  private static URLClassLoader library;

  /** What a thread may have as its context class loader while the library is somewhere else. */
  enum ContextLoader {
    NONE,
    PLATFORM,
    /** Of another application, which has scripts of another version. */
    FOREIGN;

    ClassLoader open() throws IOException {
      return switch (this) {
        case NONE -> null;
        case PLATFORM -> ClassLoader.getPlatformClassLoader();
        case FOREIGN -> {
          Path scripts = directory.resolve("foreign/dev/pgeventstore/db/migration");
          Files.createDirectories(scripts);
          Files.writeString(scripts.resolve("V1__event_store.sql"), "select 1");
          Files.writeString(scripts.resolve("V99__foreign.sql"), "create table foreign_table ()");
          yield new URLClassLoader(new URL[] {ClassPath.url(directory.resolve("foreign"))}, null);
        }
      };
    }
  }

  @BeforeAll
  static void packTheLibrary() throws IOException {
    FLYWAY.setLevel(Level.WARNING);
    jars = ClassPath.jars(directory);
    library = loader(jar -> true);
  }

  @AfterAll
  static void close() throws IOException {
    library.close();
  }

  private static URLClassLoader loader(Predicate<Path> wanted) {
    return new URLClassLoader(
        jars.stream().filter(wanted).map(ClassPath::url).toArray(URL[]::new),
        ClassLoader.getPlatformClassLoader());
  }

  @ParameterizedTest
  @EnumSource
  void a_store_is_validated_and_built_with_every_context_class_loader(
      ContextLoader context, Database database) throws Exception {
    assertThatThrownBy(() -> appendOne(library, context, database, "VALIDATE"))
        .hasMessageContaining("does not exist");
    assertThat(appendOne(library, context, database, "APPLY")).isEqualTo(1);
    assertThat(appendOne(library, context, database, "VALIDATE")).isEqualTo(2);
  }

  @Test
  void a_library_without_its_scripts_is_an_error(Database database) throws Exception {
    try (URLClassLoader incomplete = loader(jar -> !holdsScripts(jar))) {
      for (String migrations : List.of("APPLY", "VALIDATE")) {
        assertThatThrownBy(() -> appendOne(incomplete, ContextLoader.NONE, database, migrations))
            .hasMessageContaining("eventstore-db");
      }
    }
  }

  private static boolean holdsScripts(Path jar) {
    try (URLClassLoader only = new URLClassLoader(new URL[] {ClassPath.url(jar)}, null)) {
      return only.getResource("dev/pgeventstore/db/roles.sql") != null;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private int appendOne(
      ClassLoader library, ContextLoader context, Database database, String migrations)
      throws Exception {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    thread.setContextClassLoader(context.open());
    try {
      return (int)
          library
              .loadClass(StoreProbe.class.getName())
              .getMethod("appendOne", String.class, String.class)
              .invoke(null, database.url(), migrations);
    } catch (InvocationTargetException e) {
      throw (Exception) e.getCause();
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  @Test
  void a_store_is_built_in_the_common_pool_of_an_executable_jar(Database database)
      throws Exception {
    assertThat(run(executableJar(), database)).isEqualTo("VALIDATE refused, APPLY 1, VALIDATE 2");
  }

  private Path executableJar() throws IOException {
    Path jar = directory.resolve("application.jar");
    Manifest manifest = new Manifest();
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    manifest.getMainAttributes().put(Attributes.Name.MAIN_CLASS, ExecutableJar.class.getName());
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar), manifest)) {
      out.setLevel(1);
      String launcher = ExecutableJar.class.getName().replace('.', '/');
      Path classes =
          Path.of(
              URI.create(ExecutableJar.class.getResource("/" + launcher + ".class").toString()));
      for (int i = 0; i < launcher.split("/").length; i++) {
        classes = classes.getParent();
      }
      ClassPath.pack(classes, name -> name.startsWith(launcher), out);
      for (Path library : jars) {
        ClassPath.put("lib/" + library.getFileName(), Files.readAllBytes(library), out);
      }
    }
    return jar;
  }

  private static String run(Path jar, Database database) throws Exception {
    Path output = directory.resolve("output");
    Process process =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElse("java"),
                "-XX:TieredStopAtLevel=1",
                "-jar",
                jar.toString(),
                StoreProbe.class.getName(),
                database.url())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    String printed = Files.readString(output, StandardCharsets.UTF_8);
    return printed.substring(printed.lastIndexOf('\n', printed.length() - 2) + 1).strip();
  }
}
