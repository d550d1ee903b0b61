package dev.pgeventstore.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleDescriptor.Exports;
import java.lang.module.ModuleFinder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.spi.ToolProvider;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;

/** An application on the module path requires only the modules that it uses itself. */
class ModulePathTest {

  private static final String RELEASE = "17";

  private static final String DESCRIPTOR =
      """
      module shop {
        requires dev.pgeventstore.jackson;
        exports shop;
      }
      """;

  private static final String PROGRAM =
      """
      package shop;

      import dev.pgeventstore.EncodedEvent;
      import dev.pgeventstore.EventCodec;
      import dev.pgeventstore.NewEvent;
      import dev.pgeventstore.StreamId;
      import dev.pgeventstore.codec.EventTypes;
      import dev.pgeventstore.codec.jackson.JacksonCodec;
      import java.time.Instant;

      public class Shop {
        public record Placed(String customer, Instant at) {}

        public static void main(String[] arguments) {
          EventCodec codec =
              JacksonCodec.of(EventTypes.builder().type(Placed.class, "placed", 1).build());
          EncodedEvent event =
              codec.encode(
                  NewEvent.of(new Placed("ann", Instant.EPOCH)), StreamId.of("order", "1"));
          System.out.println(event.type() + " " + event.data());
        }
      }
      """;

  @TempDir Path folder;

  @Test
  void an_application_with_the_codec_compiles_and_runs_without_requiring_jackson()
      throws Exception {
    Path libraries = libraries();
    Path classes = folder.resolve("classes");
    run(
        "javac",
        "-p",
        libraries.toString(),
        "-d",
        classes.toString(),
        source("module-info.java", DESCRIPTOR),
        source("shop/Shop.java", PROGRAM));

    Process shop =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-p",
                libraries + File.pathSeparator + classes,
                "-m",
                "shop/shop.Shop")
            .redirectErrorStream(true)
            .start();
    String said = new String(shop.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(shop.waitFor(1, TimeUnit.MINUTES)).isTrue();
    assertThat(said.strip())
        .isEqualTo("placed {\"customer\":\"ann\",\"at\":\"1970-01-01T00:00:00Z\"}");
  }

  /** A package that is missing in the descriptor would be noticed only by applications. */
  @Test
  void every_package_is_in_the_descriptor() throws Exception {
    for (String name : List.of("dev.pgeventstore.core", "dev.pgeventstore.jackson")) {
      ModuleDescriptor module = ModuleFinder.of(libraries()).find(name).orElseThrow().descriptor();
      assertThat(module.isAutomatic()).isFalse();
      assertThat(module.exports().stream().map(Exports::source))
          .containsExactlyInAnyOrderElementsOf(module.packages());
    }
  }

  private Path libraries() throws Exception {
    Path libraries = Files.createTempDirectory(folder, "libraries");
    for (Class<?> type :
        List.of(
            JsonInclude.class,
            JsonParser.class,
            JsonNode.class,
            Jdk8Module.class,
            JavaTimeModule.class,
            Logger.class,
            Nullable.class)) {
      copy(jarOf(type), libraries);
    }
    ours("eventstore-core", "dev.pgeventstore.core", StreamId.class, libraries);
    ours("eventstore-jackson", "dev.pgeventstore.jackson", JacksonCodec.class, libraries);
    return libraries;
  }

  /** Takes the jar that was built, or makes one from the classes in the same way. */
  private void ours(String module, String name, Class<?> type, Path libraries) throws Exception {
    Path classes = jarOf(type);
    if (Files.isRegularFile(classes)) {
      copy(classes, libraries);
      return;
    }
    Path descriptor = folder.resolve(name);
    run(
        "javac",
        "--release",
        RELEASE,
        "-p",
        libraries.toString(),
        "--patch-module",
        name + "=" + classes,
        "-d",
        descriptor.toString(),
        Project.folder().resolve(module + "/src/main/module/module-info.java").toString());
    run(
        "jar",
        "--create",
        "--file",
        libraries.resolve(module + ".jar").toString(),
        "-C",
        classes.toString(),
        "dev",
        "-C",
        descriptor.toString(),
        "module-info.class");
  }

  private static Path jarOf(Class<?> type) throws Exception {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  private static void copy(Path jar, Path to) throws IOException {
    Files.copy(jar, to.resolve(jar.getFileName()));
  }

  private String source(String name, String text) throws IOException {
    Path file = folder.resolve("source").resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, text).toString();
  }

  private static void run(String tool, String... arguments) {
    StringWriter said = new StringWriter();
    PrintWriter out = new PrintWriter(said);
    int failed = ToolProvider.findFirst(tool).orElseThrow().run(out, out, arguments);
    assertThat(failed).as(said.toString()).isZero();
  }
}
