package dev.pgeventstore.site;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What a site consists of, read from its files and not from what made them. */
record Html(Path site) {

  private static final Pattern LINK = Pattern.compile("(?:href|src)=\"([^\"]*)\"");
  private static final Pattern ID = Pattern.compile(" id=\"([^\"]*)\"");

  /** All files of the site, relative to it, with slashes. */
  Set<String> files() throws IOException {
    try (Stream<Path> files = Files.walk(site)) {
      return new TreeSet<>(
          files
              .filter(Files::isRegularFile)
              .map(file -> site.relativize(file).toString().replace('\\', '/'))
              .toList());
    }
  }

  /** Those that are made here, without the Javadoc. */
  Set<String> pages() throws IOException {
    Set<String> pages = files();
    pages.removeIf(file -> !file.endsWith(".html") || file.startsWith("api/"));
    return pages;
  }

  String text(String page) throws IOException {
    return Files.readString(site.resolve(page));
  }

  /** The links of a page that lead to no file of the site, or to no place in it. */
  List<String> broken(String page) throws IOException {
    List<String> broken = new ArrayList<>();
    for (String link : links(page)) {
      String[] parts = link.split("#", 2);
      Path file = parts[0].isEmpty() ? site.resolve(page) : target(page, parts[0]);
      boolean isThere = Files.isRegularFile(file) && file.startsWith(site);
      if (!isThere || parts.length == 2 && !ids(file).contains(parts[1])) {
        broken.add(page + ": " + link);
      }
    }
    return broken;
  }

  /** The files that links lead to, beginning with a page. */
  Set<String> reachableFrom(String start) throws IOException {
    Set<String> reached = new HashSet<>(Set.of(start));
    Deque<String> toRead = new ArrayDeque<>(reached);
    while (!toRead.isEmpty()) {
      String page = toRead.remove();
      if (page.endsWith(".html") && !page.startsWith("api/")) {
        for (String link : links(page)) {
          String path = link.replaceFirst("#.*", "");
          String file =
              site.relativize(path.isEmpty() ? site.resolve(page) : target(page, path)).toString();
          if (reached.add(file.replace('\\', '/'))) {
            toRead.add(file.replace('\\', '/'));
          }
        }
      }
    }
    return reached;
  }

  /** Of the site itself. */
  private List<String> links(String page) throws IOException {
    return LINK.matcher(text(page))
        .results()
        .map(match -> match.group(1))
        .filter(link -> !link.startsWith("https://"))
        .toList();
  }

  private Path target(String page, String link) {
    return site.resolve(page).resolveSibling(link).normalize();
  }

  private static List<String> ids(Path file) throws IOException {
    return ID.matcher(Files.readString(file)).results().map(id -> id.group(1)).toList();
  }
}
