package dev.pgeventstore.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ReadmeTest {

  private static final Pattern FROM =
      Pattern.compile("<!-- from (\\S+), (\\w+) -->\n```java\n(.*?)```\n", Pattern.DOTALL);
  private static final Path EXAMPLES = Path.of("examples/src/main/java/dev/pgeventstore/examples");

  @Test
  void the_code_of_the_readme_is_that_of_the_example_which_a_test_runs() throws IOException {
    String readme = Files.readString(Project.folder().resolve("README.md"));

    assertThat(firstBlock(readme, "java")).isEqualTo(tagged("quickstart/InShort.java", "readme"));
  }

  @Test
  void the_code_about_projections_is_that_of_the_example_which_a_test_runs() throws IOException {
    String page = Files.readString(Project.folder().resolve("docs/project.md"));

    assertThat(firstBlock(page, "java")).isEqualTo(tagged("visits/VisitCounter.java", "rebuild"));
  }

  /** A comment before a block of code names the file and the region that the code is from. */
  @Test
  void code_that_names_its_source_is_identical_to_the_source() throws IOException {
    Path page = Project.folder().resolve("docs/getting-started.md");
    List<MatchResult> blocks = FROM.matcher(Files.readString(page)).results().toList();

    assertThat(blocks).hasSizeGreaterThan(5);
    for (MatchResult block : blocks) {
      assertThat(block.group(3)).isEqualTo(tagged(Path.of(block.group(1)), block.group(2)));
    }
  }

  @Test
  void the_code_of_the_pages_about_kafka_compiles() throws IOException {
    List<MatchResult> blocks =
        Stream.of("docs/relay.md", "docs/consume.md")
            .flatMap(page -> FROM.matcher(read(page)).results())
            .toList();

    assertThat(blocks).hasSize(4);
    for (MatchResult block : blocks) {
      assertThat(block.group(3)).isEqualTo(tagged(Path.of(block.group(1)), block.group(2)));
    }
  }

  private static String read(String page) {
    try {
      return Files.readString(Project.folder().resolve(page));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
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

  private static String tagged(String file, String tag) throws IOException {
    return tagged(EXAMPLES.resolve(file), tag);
  }

  private static String tagged(Path file, String tag) throws IOException {
    List<String> lines = Files.readAllLines(Project.folder().resolve(file));
    int start = indexOf("// tag::" + tag + "[]", lines);
    int end = indexOf("// end::" + tag + "[]", lines);
    // The formatter wants a blank line between the last method and the comment that ends a region.
    return String.join("\n", lines.subList(start + 1, end)).stripTrailing().stripIndent() + "\n";
  }

  private static int indexOf(String comment, List<String> lines) {
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).strip().equals(comment)) {
        return i;
      }
    }
    throw new AssertionError("no " + comment + " in the example");
  }
}
