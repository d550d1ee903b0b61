package dev.pgeventstore.site;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The site of this project's own pages. */
class GuideTest {

  @TempDir private static Path folder;

  private static Html site;

  @BeforeAll
  static void make() throws IOException {
    Site.make(project(), folder);
    site = new Html(folder);
  }

  @Test
  void every_link_leads_to_a_file_of_the_site_and_to_a_place_in_it() throws IOException {
    List<String> broken = new ArrayList<>();
    for (String page : site.pages()) {
      broken.addAll(site.broken(page));
    }
    assertThat(broken).isEmpty();
  }

  @Test
  void every_page_is_reached_from_the_index() throws IOException {
    Set<String> pages = site.pages();

    assertThat(pages).containsAll(pagesOfDocs()).hasSizeGreaterThan(40);
    assertThat(site.reachableFrom("index.html")).containsAll(pages);
  }

  /** Other than decisions, which the page of their folder lists. */
  @Test
  void every_page_of_docs_is_in_the_contents_of_every_other_one() throws IOException {
    String page = site.text("performance.html");
    List<String> contents =
        Pattern.compile("href=\"([^\"#]*)\"")
            .matcher(page.substring(page.indexOf("<nav")))
            .results()
            .map(link -> link.group(1))
            .toList();
    Set<String> guide = pagesOfDocs();
    guide.removeIf(name -> name.startsWith("adr/") || name.equals("index.html"));

    assertThat(contents).containsAll(guide);
  }

  @Test
  void it_needs_no_script_no_frame_and_nothing_of_another_host() throws IOException {
    for (String page : site.pages()) {
      String html = site.text(page);

      assertThat(html).as(page).doesNotContainIgnoringCase("<script", "<iframe", " onclick=");
      assertThat(html)
          .as(page)
          .doesNotContain("src=\"http", "<link rel=\"stylesheet\" href=\"http");
    }
  }

  private static Set<String> pagesOfDocs() throws IOException {
    Path docs = project().resolve("docs");
    try (Stream<Path> files = Files.walk(docs)) {
      return new TreeSet<>(
          files
              .map(file -> docs.relativize(file).toString().replace('\\', '/'))
              .filter(file -> file.endsWith(".md"))
              .map(file -> file.replaceFirst("md$", "html"))
              .toList());
    }
  }

  private static Path project() {
    Path folder = Path.of("").toAbsolutePath();
    while (!Files.exists(folder.resolve("mvnw"))) {
      folder = folder.getParent();
    }
    return folder;
  }
}
