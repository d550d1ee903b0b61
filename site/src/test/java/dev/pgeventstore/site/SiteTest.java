package dev.pgeventstore.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SiteTest {

  @TempDir private Path project;

  private Html site;

  @BeforeEach
  void startWithAnIndex() throws IOException {
    site = new Html(project.resolve("site"));
    write(
        "docs/index.md",
        "# A store\n\n## Start\n\n- [Append](append.md): how\n- [Load](load.md)\n");
    write("docs/append.md", "# Append\n\n## The `Result`\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n");
    write("docs/load.md", "# Load\n\nAs [in append](append.md#the-result).\n");
  }

  @Test
  void a_page_has_its_title_its_content_and_the_contents_of_the_site() throws IOException {
    make();

    assertThat(site.text("append.html"))
        .contains("<title>Append – pgeventstore</title>")
        .contains("<h2 id=\"the-result\">The <code>Result</code></h2>")
        .contains("<td>1</td>")
        .contains("<p>Start</p>")
        .contains("<a aria-current=\"page\" href=\"append.html\">Append</a>")
        .contains("<li><a href=\"#the-result\">The Result</a></li>")
        .contains("<a rel=\"next\" href=\"load.html\">Load</a>");
    assertThat(site.text("load.html"))
        .contains("<a href=\"append.html#the-result\">in append</a>")
        .doesNotContain("<a href=\"#the-result\">");
    assertThat(site.files()).contains("style.css");
  }

  @Test
  void sources_pages_and_folders_outside_of_docs_become_pages_too() throws IOException {
    write(
        "docs/load.md", "[a](../src/A.java) [b](../src) [c](../NEWS.md) [d](https://example.org)");
    write("src/A.java", "List<String> a = \"&\";");
    write("NEWS.md", "# News\n\nBack to [the store](docs).");
    make();

    assertThat(site.text("load.html"))
        .contains("href=\"project/src/A.java.html\"")
        .contains("href=\"project/src/index.html\"")
        .contains("href=\"project/NEWS.html\"")
        .contains("href=\"https://example.org\"");
    assertThat(site.text("project/src/A.java.html"))
        .contains("List&lt;String&gt; a = &quot;&amp;&quot;;")
        .contains("href=\"../../index.html\"");
    assertThat(site.text("project/src/index.html")).contains("<a href=\"A.java.html\">A.java</a>");
    assertThat(site.text("project/NEWS.html")).contains("<a href=\"../index.html\">the store</a>");
  }

  @Test
  void pictures_are_copied_and_comments_left_out() throws IOException {
    write(
        "docs/load.md",
        "# Load\n\n![a line](line.svg)\n\n<!-- from A.java, a -->\n```java\na\n```\n");
    write("docs/line.svg", "<svg/>");
    make();

    assertThat(site.text("load.html")).contains("src=\"line.svg\"").doesNotContain("<!--");
    assertThat(site.text("line.svg")).isEqualTo("<svg/>");
  }

  @Test
  void javadoc_that_a_build_has_made_is_in_the_contents() throws IOException {
    make();
    assertThat(site.text("index.html")).doesNotContain("API reference");

    write("core/target/reports/apidocs/index.html", "<p>Javadoc</p>");
    write("core/target/reports/apidocs/a/A.html", "<p>A</p>");
    make();

    assertThat(site.text("load.html"))
        .contains("<p>API reference</p>")
        .contains("<a href=\"api/core/index.html\">core</a>");
    assertThat(site.files()).contains("api/core/index.html", "api/core/a/A.html");
  }

  @Test
  void a_link_that_leads_to_no_file_is_an_error() throws IOException {
    write("docs/load.md", "# Load\n\n[gone](gone.md)\n");

    assertThatThrownBy(this::make)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("load.md")
        .hasMessageContaining("gone.md");
  }

  @Test
  void what_is_broken_or_out_of_reach_is_found() throws IOException {
    write("docs/load.md", "# Load\n\n[in append](append.md#nothing)\n");
    write("docs/alone.md", "# Alone\n");
    make();

    assertThat(site.broken("load.html")).containsExactly("load.html: append.html#nothing");
    assertThat(site.pages()).contains("alone.html");
    assertThat(site.reachableFrom("index.html")).contains("load.html").doesNotContain("alone.html");
  }

  private void make() throws IOException {
    Site.make(project, site.site());
  }

  private void write(String file, String text) throws IOException {
    Path path = project.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }
}
