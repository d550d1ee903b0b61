package dev.pgeventstore.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ReadmeTest {

  private static final Path IN_SHORT =
      Path.of("examples/src/main/java/dev/pgeventstore/examples/quickstart/InShort.java");

  @Test
  void the_code_of_the_readme_is_that_of_the_example_which_a_test_runs() throws IOException {
    String readme = Files.readString(Project.folder().resolve("README.md"));

    assertThat(firstBlock(readme, "java")).isEqualTo(Region.of(IN_SHORT, "readme"));
  }

  @Test
  void the_readme_has_two_commands_in_one_block() throws IOException {
    String readme = Files.readString(Project.folder().resolve("README.md"));
    String tryIt = readme.substring(readme.indexOf("## Try it"));

    assertThat(firstBlock(tryIt, "sh").lines())
        .hasSize(2)
        .allMatch(command -> command.startsWith("./mvnw "));
  }

  private static String firstBlock(String markdown, String language) {
    String fence = "```" + language + "\n";
    int start = markdown.indexOf(fence) + fence.length();
    return markdown.substring(start, markdown.indexOf("```\n", start));
  }
}
