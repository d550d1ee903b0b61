package dev.pgeventstore.site;

import java.nio.file.Path;
import java.util.List;

/** What is around the content of every page: the head, the contents of the site, the next page. */
final class Layout {

  /** A page in the contents of the site. */
  record Entry(String section, String text, Path address) {}

  private final List<Entry> contents;

  Layout(List<Entry> contents) {
    this.contents = contents;
  }

  /**
   * A whole page.
   *
   * @param address where the page is in the site
   * @param sections the headings that the contents show below the page's name
   */
  String page(Path address, String title, List<Page.Section> sections, String content) {
    return """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>%s – pgeventstore</title>
        <link rel="stylesheet" href="%s">
        </head>
        <body>
        <header><a href="%s">pgeventstore</a> <a class="narrow" href="#contents">Contents</a></header>
        <main>
        %s%s</main>
        <nav id="contents" aria-label="Contents">
        %s</nav>
        </body>
        </html>
        """
        .formatted(
            escape(title),
            Address.link(address, Path.of("style.css")),
            Address.link(address, Path.of("index.html")),
            content,
            neighbours(address),
            contents(address, sections));
  }

  private String contents(Path address, List<Page.Section> sections) {
    StringBuilder html = new StringBuilder();
    String section = "";
    for (Entry entry : contents) {
      if (!entry.section().equals(section)) {
        html.append(section.isEmpty() ? "" : "</ul>\n");
        section = entry.section();
        html.append("<p>%s</p>\n<ul>\n".formatted(escape(section)));
      }
      boolean isHere = entry.address().equals(address);
      html.append(
          "<li><a %shref=\"%s\">%s</a>%s</li>\n"
              .formatted(
                  isHere ? "aria-current=\"page\" " : "",
                  Address.link(address, entry.address()),
                  escape(entry.text()),
                  isHere ? below(sections) : ""));
    }
    return html.append(section.isEmpty() ? "" : "</ul>\n").toString();
  }

  private static String below(List<Page.Section> sections) {
    StringBuilder html = new StringBuilder();
    for (Page.Section section : sections) {
      if (section.level() == 2) {
        html.append(
            "<li><a href=\"#%s\">%s</a></li>\n".formatted(section.id(), escape(section.text())));
      }
    }
    return html.isEmpty() ? "" : "\n<ul>\n" + html + "</ul>\n";
  }

  private String neighbours(Path address) {
    for (int i = 0; i < contents.size(); i++) {
      if (contents.get(i).address().equals(address)) {
        String before = i == 0 ? "" : neighbour(address, "prev", contents.get(i - 1));
        boolean isLast = i == contents.size() - 1;
        String after = isLast ? "" : neighbour(address, "next", contents.get(i + 1));
        return "<p class=\"neighbours\">" + before + after + "</p>\n";
      }
    }
    return "";
  }

  private static String neighbour(Path address, String relation, Entry entry) {
    return "<a rel=\"%s\" href=\"%s\">%s</a>"
        .formatted(relation, Address.link(address, entry.address()), escape(entry.text()));
  }

  static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
