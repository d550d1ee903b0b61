package dev.pgeventstore.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;

/** The code and the pictures of the pages in docs/. */
class PagesTest {

  /** A comment before a block of code names the file and the region that the code is from. */
  private static final Pattern JAVA =
      Pattern.compile("(?:<!-- from (\\S+), (\\w+) -->\n)?```java\n(.*?)```\n", Pattern.DOTALL);

  private static final Pattern XML = Pattern.compile("```xml\n(.*?)```\n", Pattern.DOTALL);
  private static final Pattern PICTURE = Pattern.compile("!\\[([^]]*)]\\((\\S+\\.svg)\\)");

  @Test
  void all_java_of_the_pages_is_from_files_that_the_build_compiles() throws IOException {
    int blocks = 0;
    for (Path page : pages()) {
      for (MatchResult block : JAVA.matcher(Files.readString(page)).results().toList()) {
        assertThat(block.group(1)).as("%s: the source of %s", page, block.group()).isNotNull();
        assertThat(block.group(3))
            .as(page.toString())
            .isEqualTo(Region.of(Path.of(block.group(1)), block.group(2)));
        blocks++;
      }
    }
    assertThat(blocks).isGreaterThan(20);
  }

  @Test
  void the_first_event_takes_eight_lines_besides_imports_and_braces() throws IOException {
    String program = JAVA.matcher(gettingStarted()).results().findFirst().orElseThrow().group(3);

    assertThat(program.lines().filter(PagesTest::isOfTheReader)).hasSize(8);
  }

  private static boolean isOfTheReader(String line) {
    String code = line.strip();
    return !code.isEmpty()
        && !code.startsWith("import ")
        && !code.equals("}")
        && !code.equals("public class FirstEvent {")
        && !code.equals("public static void main(String[] arguments) {");
  }

  @Test
  void the_first_project_is_a_pom_with_the_version_of_this_build() throws Exception {
    List<MatchResult> blocks = XML.matcher(gettingStarted()).results().toList();
    Document ours = parse(Files.readString(Project.folder().resolve("pom.xml")));

    assertThat(texts(parse(blocks.get(0).group(1)), "version"))
        .as("its own version, and ours")
        .containsExactly("1", texts(ours, "version").get(0));
    assertThat(texts(parse(blocks.get(1).group(1)), "version"))
        .isEqualTo(texts(ours, "hikari.version"));
  }

  private static List<String> texts(Document document, String element) {
    NodeList nodes = document.getElementsByTagName(element);
    return IntStream.range(0, nodes.getLength())
        .mapToObj(i -> nodes.item(i).getTextContent())
        .toList();
  }

  /** With a background of their own and text as text, so that every viewer can show them. */
  @Test
  void pictures_are_described_and_readable_in_light_and_dark() throws Exception {
    List<String> pictures = new ArrayList<>();
    for (Path page : pages()) {
      for (MatchResult picture : PICTURE.matcher(Files.readString(page)).results().toList()) {
        if (picture.group(2).startsWith("concepts-")) {
          String svg = Files.readString(page.resolveSibling(picture.group(2)));
          Document drawing = parse(svg);

          assertThat(picture.group(1)).as(picture.group(2)).hasSizeGreaterThan(30);
          assertThat(drawing.getElementsByTagName("title").getLength()).isEqualTo(1);
          assertThat(drawing.getElementsByTagName("text").getLength()).isPositive();
          assertThat(svg).contains("class=\"back\"", "prefers-color-scheme: dark");
          pictures.add(picture.group(2));
        }
      }
    }
    assertThat(pictures).hasSize(5);
  }

  private static String gettingStarted() throws IOException {
    return Files.readString(Project.folder().resolve("docs/getting-started.md"));
  }

  private static List<Path> pages() throws IOException {
    try (Stream<Path> files = Files.list(Project.folder().resolve("docs"))) {
      return files.filter(file -> file.toString().endsWith(".md")).sorted().toList();
    }
  }

  private static Document parse(String xml) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(xml.getBytes(StandardCharsets.UTF_8)));
  }
}
