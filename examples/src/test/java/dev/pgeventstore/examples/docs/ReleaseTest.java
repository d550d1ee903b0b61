package dev.pgeventstore.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * Builds a release as docs/releasing.md says, from copies of the project, and uses it as projects
 * of others do.
 */
@Tag("faults")
@Order(1)
@ExtendWith(PostgresExtension.class)
class ReleaseTest {

  private static final String LOADED_AND_SEEN = "ann Placed[customer=ann, at=1970-01-01T00:00:00Z]";

  private static final Path CONSUMERS =
      Project.folder().resolve("examples").resolve("src/test/consumers");

  /** Apart from the project, whose broker the test kit would find. */
  @TempDir static Path folder;

  private static ReleaseBuild first;
  private static ReleaseBuild second;

  @BeforeAll
  @Timeout(value = 30, unit = TimeUnit.MINUTES)
  static void build() throws Exception {
    first = ReleaseBuild.copyOf(Project.folder(), folder.resolve("first"));
    first.setReleaseVersion();
    second = ReleaseBuild.copyOf(first.project(), folder.resolve("another").resolve("second"));
    first.build(Map.of());
    second.build(Map.of("TZ", "Asia/Tokyo", "LC_ALL", "C"));
  }

  @Test
  void two_builds_in_different_folders_give_the_same_bytes() throws IOException {
    assertThat(first.files()).isNotEmpty().containsExactlyElementsOf(second.files());
    List<Path> different = new ArrayList<>();
    for (Path file : first.files()) {
      Path one = first.repository().resolve(file);
      Path other = second.repository().resolve(file);
      // The only file that says when it was written is the repository's own.
      if (!file.toString().contains("maven-metadata") && Files.mismatch(one, other) >= 0) {
        different.add(file);
      }
    }
    assertThat(different).isEmpty();
  }

  @Test
  void every_artifact_has_what_maven_central_asks_for() throws Exception {
    List<String> published = new ArrayList<>();
    for (Path pom : first.files(".pom")) {
      Pom says = Pom.read(first.repository().resolve(pom));
      for (String element :
          List.of(
              "name",
              "description",
              "url",
              "licenses/license/name",
              "licenses/license/url",
              "developers/developer/name",
              "scm/connection",
              "scm/developerConnection",
              "scm/url")) {
        assertThat(says.at("/project/" + element)).as(pom + " " + element).isNotEmpty();
      }
      assertThat(says.at("/project/url")).isEqualTo(ReleaseBuild.URL);
      assertThat(says.allAt("/project/parent")).as(pom.toString()).isEmpty();
      assertThat(says.allAt("//version")).as(pom.toString()).noneMatch(v -> v.contains("$"));
      assertThat(says.allAt("/project/dependencies/dependency/scope")).doesNotContain("test");
      String artifact = says.at("/project/artifactId");
      published.add(artifact);
      if (!says.at("/project/packaging").equals("pom")) {
        String jar = artifact + "-" + first.version();
        assertThat(pom.resolveSibling(jar + ".pom")).isEqualTo(pom);
        assertThat(first.files())
            .contains(
                pom.resolveSibling(jar + ".jar"),
                pom.resolveSibling(jar + "-sources.jar"),
                pom.resolveSibling(jar + "-javadoc.jar"),
                pom.resolveSibling(jar + "-cyclonedx.json"));
      }
    }
    Pom bom = Pom.read(Project.folder().resolve("eventstore-bom/pom.xml"));
    List<String> expected =
        bom.allAt("//dependencyManagement//dependency[groupId='dev.pgeventstore']/artifactId");
    expected.add("eventstore-bom");
    assertThat(published).containsExactlyInAnyOrderElementsOf(expected);
  }

  @Test
  void the_bill_of_materials_manages_what_it_names_and_nothing_of_the_parent() throws Exception {
    Path pom =
        first.files(".pom").stream()
            .filter(file -> file.toString().contains("eventstore-bom"))
            .findFirst()
            .orElseThrow();

    assertThat(
            Pom.read(first.repository().resolve(pom))
                .allAt("//dependencyManagement//dependency/groupId"))
        .containsOnly(
            "dev.pgeventstore", "io.zonky.test", "io.zonky.test.postgres", "org.apache.kafka");
  }

  @Test
  void every_jar_holds_licence_and_notice_and_the_javadoc_holds_public_packages_only()
      throws IOException {
    assertThat(first.files(".jar")).isNotEmpty();
    for (Path jar : first.files(".jar")) {
      List<String> entries = entries(first.repository().resolve(jar));
      assertThat(entries).as(jar.toString()).contains("META-INF/LICENSE", "META-INF/NOTICE");
      if (jar.toString().endsWith("-javadoc.jar")) {
        assertThat(entries).as(jar.toString()).noneMatch(entry -> entry.contains("/internal/"));
      }
    }
  }

  @Test
  void a_release_without_the_addresses_of_its_project_is_refused() throws Exception {
    Command maven = first.maven("-Prelease", "deploy");

    assertThat(maven.fails())
        .contains("set -Drelease.url=https://", "set -Drelease.scm=https://")
        .contains("docs/releasing.md");
  }

  @Test
  void a_maven_project_stores_and_relays_an_event_on_the_servers_of_the_test_kit()
      throws Exception {
    Path project = application("maven");

    assertThat(resolve(project, "test"))
        .contains("Tests run: 2, Failures: 0, Errors: 0, Skipped: 0");
  }

  @Test
  void a_program_on_the_module_path_stores_an_event(Database database) throws Exception {
    Path project = application("modules");
    Files.copy(
        CONSUMERS.resolve("modules/module-info.java"),
        project.resolve("src/main/java/module-info.java"));
    Path libraries = libraries(project);

    Path classes = project.resolve("classes");
    Command.in(
            project,
            tool("javac"),
            "-p",
            libraries.toString(),
            "-d",
            classes.toString(),
            "-Xlint:all,-requires-automatic,-requires-transitive-automatic",
            "-Werror",
            "src/main/java/module-info.java",
            "src/main/java/shop/Shop.java")
        .runs();
    String said =
        Command.in(
                project,
                tool("java"),
                "-p",
                libraries + File.pathSeparator + classes,
                "-m",
                "shop/shop.Shop",
                database.url())
            .runs();

    assertThat(said).contains(LOADED_AND_SEEN);
  }

  /** With Gradle, if there is one. */
  @Test
  void a_gradle_project_stores_an_event(Database database) throws Exception {
    assumeThat(Command.isOnPath("gradle")).as("Gradle is installed").isTrue();
    Path project = application("gradle");
    // Gradle reads what Maven has downloaded.
    libraries(project);
    Files.copy(CONSUMERS.resolve("gradle/build.gradle"), project.resolve("build.gradle"));
    Files.writeString(project.resolve("settings.gradle"), "rootProject.name = 'shop'\n");

    String said =
        Command.in(
                project,
                "gradle",
                "--offline",
                "--no-daemon",
                "--gradle-user-home",
                folder.resolve("gradle-home").toString(),
                "-Pfolders=%s,%s,%s"
                    .formatted(
                        first.repository().toUri(),
                        own().toUri(),
                        ReleaseBuild.downloads().toUri()),
                "-PeventstoreVersion=" + first.version(),
                "-PdatabaseUrl=" + database.url(),
                "run")
            .runs();

    assertThat(said).contains(LOADED_AND_SEEN);
  }

  /** What bounds them: docs/releasing.md. */
  @Test
  void an_application_gets_few_and_small_jars() throws Exception {
    List<String> names = new ArrayList<>();
    long bytes = 0;
    try (Stream<Path> jars = Files.list(libraries(application("jars")))) {
      for (Path jar : jars.toList()) {
        names.add(jar.getFileName().toString().replaceFirst("-\\d[\\d.]*\\.jar$", ""));
        bytes += Files.size(jar);
      }
    }

    assertThat(names)
        .containsExactlyInAnyOrder(
            "eventstore-core",
            "eventstore-db",
            "eventstore-jackson",
            "eventstore-postgres",
            "flyway-core",
            "flyway-database-postgresql",
            "geantyref",
            "jackson-annotations",
            "jackson-core",
            "jackson-databind",
            "jackson-datatype-jdk8",
            "jackson-datatype-jsr310",
            "jdbi3-core",
            "jspecify",
            "postgresql",
            "slf4j-api");
    assertThat(bytes).isLessThan(7_000_000);
  }

  private static Path application(String name) throws IOException {
    Path project = folder.resolve("consumers").resolve(name);
    ReleaseBuild.copy(CONSUMERS.resolve("application"), project);
    return project;
  }

  /** The jars that the application runs with. */
  private static Path libraries(Path project) throws Exception {
    resolve(
        project, "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib");
    return project.resolve("lib");
  }

  /**
   * Runs Maven in a project that knows the folder of the release, and what others have published.
   */
  private static String resolve(Path project, String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.add("-Dmaven.repo.local=" + own());
    all.add("-Dmaven.repo.local.tail=" + ReleaseBuild.downloads());
    all.add("-Drelease.folder=" + first.repository().toUri());
    all.add("-Deventstore.version=" + first.version());
    return Command.maven(project, all).runs();
  }

  /** Where Maven puts what it takes from the folder of the release. */
  private static Path own() {
    return folder.resolve("own-repository");
  }

  private static String tool(String name) {
    return Path.of(System.getProperty("java.home"), "bin", name).toString();
  }

  private static List<String> entries(Path jar) throws IOException {
    List<String> names = new ArrayList<>();
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      for (Enumeration<? extends ZipEntry> e = zip.entries(); e.hasMoreElements(); ) {
        names.add(e.nextElement().getName());
      }
    }
    return names;
  }
}
