package dev.pgeventstore.site;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where the files of the project are in the site. */
final class Address {

  private static final Path DOCS = Path.of("docs");

  private Address() {}

  /**
   * The file in the site. {@code docs/append.md} is {@code append.html}; what is outside of docs/
   * is in the folder {@code project}; a folder is the page that lists its files.
   *
   * @param project the folder of the project
   * @param file a file or folder of the project, relative to it
   */
  static Path of(Path project, Path file) {
    Path place = file.startsWith(DOCS) ? DOCS.relativize(file) : Path.of("project").resolve(file);
    String name = file.getFileName().toString();
    if (Files.isDirectory(project.resolve(file))) {
      return place.resolve("index.html");
    }
    if (isPicture(file)) {
      return place;
    }
    return place.resolveSibling(isPage(file) ? name.replaceFirst("md$", "html") : name + ".html");
  }

  static boolean isPage(Path file) {
    return file.toString().endsWith(".md");
  }

  static boolean isPicture(Path file) {
    return file.toString().endsWith(".svg") || file.toString().endsWith(".png");
  }

  /** The address of a page of the site as a link from another one. */
  static String link(Path from, Path to) {
    Path folder = from.getParent() == null ? Path.of("") : from.getParent();
    return folder.relativize(to).toString().replace('\\', '/');
  }
}
