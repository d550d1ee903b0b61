package dev.pgeventstore.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The bill of materials, and which modules are published. */
class BomTest {

  @Test
  void the_libraries_are_published_and_nothing_else_is() throws Exception {
    for (String module : modules()) {
      assertThat(isPublished(module)).as(module).isEqualTo(isForUsers(module));
    }
  }

  /** What holds no jar is for users only if it is the bill of materials. */
  private static boolean isForUsers(String module) throws Exception {
    boolean holdsJar = !pom(module).at("/project/packaging").equals("pom");
    return module.equals("db")
        || module.equals("eventstore-bom")
        || module.startsWith("eventstore-") && holdsJar;
  }

  @Test
  void it_names_every_module_that_is_published() throws Exception {
    List<String> published = new ArrayList<>();
    for (String module : modules()) {
      if (isPublished(module) && !module.equals("eventstore-bom")) {
        published.add(pom(module).at("/project/artifactId"));
      }
    }
    assertThat(
            pom("eventstore-bom")
                .allAt(
                    "/project/dependencyManagement/dependencies/dependency[groupId='dev.pgeventstore']/artifactId"))
        .containsExactlyInAnyOrderElementsOf(published);
  }

  /** Versions of servers, which are stated twice. */
  @Test
  void it_has_the_versions_that_the_project_is_built_with() throws Exception {
    Pom project = Pom.read(Project.folder().resolve("pom.xml"));
    List<String> versions =
        pom("eventstore-bom")
            .allAt("/project/dependencyManagement//version[contains(., '.version}')]");
    assertThat(versions).contains("${kafka.version}");
    for (String version : versions) {
      if (!version.equals("${project.parent.version}")) {
        String property = "/project/properties/" + version.replaceAll("[${}]", "");
        assertThat(pom("eventstore-bom").at(property))
            .as(version)
            .isNotEmpty()
            .isEqualTo(project.at(property));
      }
    }
  }

  private static List<String> modules() throws Exception {
    return Pom.read(Project.folder().resolve("pom.xml")).allAt("/project/modules/module");
  }

  private static boolean isPublished(String module) throws Exception {
    return pom(module).at("/project/properties/release.skip").equals("false");
  }

  private static Pom pom(String module) throws Exception {
    return Pom.read(Project.folder().resolve(module).resolve("pom.xml"));
  }
}
