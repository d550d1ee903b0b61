package dev.pgeventstore.site;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A static site of the pages in docs/ and of every file of the project that they link to: pages
 * outside of docs/, sources, and folders. Its contents are the lists of docs/index.md, and the
 * Javadoc, if there is one.
 *
 * <p>A link that leads to no file of the project is an error, so nothing of the site is missing.
 */
public final class Site {

  private static final Path INDEX = Path.of("docs/index.md");

  private final Path project;
  private final Path site;
  private final Deque<Path> toMake = new ArrayDeque<>();
  private final Set<Path> known = new HashSet<>();

  private Site(Path project, Path site) {
    this.project = project;
    this.site = site;
  }

  /**
   * Makes the site.
   *
   * @param arguments the folder of the project, and the folder to write into
   * @throws IOException if a file cannot be read or written, or a link leads to no file
   */
  public static void main(String[] arguments) throws IOException {
    Path site = Path.of(arguments[1]);
    make(Path.of(arguments[0]), site);
    System.out.println("The site is in " + site.resolve("index.html"));
  }

  static void make(Path project, Path site) throws IOException {
    new Site(project, site).make();
  }

  private void make() throws IOException {
    ApiReference api = new ApiReference(project);
    Layout layout = new Layout(contents(api));
    for (Path file : docs()) {
      add(file);
    }
    while (!toMake.isEmpty()) {
      Path file = toMake.remove();
      if (Address.isPicture(file)) {
        copy(Files.newInputStream(project.resolve(file)), Address.of(project, file));
      } else {
        write(Address.of(project, file), htmlOf(file, layout));
      }
    }
    copy(Site.class.getResourceAsStream("style.css"), Path.of("style.css"));
    api.copyInto(site);
  }

  private List<Layout.Entry> contents(ApiReference api) throws IOException {
    List<Layout.Entry> contents = new ArrayList<>();
    for (Page.Item item : pageOf(INDEX).items()) {
      Path address = Address.of(project, targetOf(INDEX, item.target()));
      contents.add(new Layout.Entry(item.section(), item.text(), address));
    }
    contents.addAll(api.contents());
    return contents;
  }

  private List<Path> docs() throws IOException {
    try (Stream<Path> files = Files.walk(project.resolve("docs"))) {
      return files.filter(Address::isPage).sorted().map(project::relativize).toList();
    }
  }

  private void add(Path file) {
    if (known.add(file)) {
      toMake.add(file);
    }
  }

  private String htmlOf(Path file, Layout layout) throws IOException {
    if (Files.isDirectory(project.resolve(file))) {
      return folder(file, layout);
    }
    return Address.isPage(file) ? page(file, layout) : source(file, layout);
  }

  private String page(Path file, Layout layout) throws IOException {
    Page page = pageOf(file);
    for (String target : page.targets()) {
      if (!isElsewhere(target)) {
        Path linked = targetOf(file, target);
        if (linked.startsWith("..") || !Files.exists(project.resolve(linked))) {
          throw new IOException("%s has a link to %s: no such file".formatted(file, target));
        }
        add(linked);
      }
    }
    Path address = Address.of(project, file);
    String html = page.html(link -> isElsewhere(link) ? link : linkInSite(file, address, link));
    return layout.page(address, page.title(), page.sections(), html);
  }

  private String linkInSite(Path page, Path address, String link) {
    String fragment = link.contains("#") ? link.substring(link.indexOf('#')) : "";
    Path target = targetOf(page, link);
    return target.equals(page)
        ? fragment
        : Address.link(address, Address.of(project, target)) + fragment;
  }

  /** The file of the project that a link leads to. A folder with an index is that index. */
  private Path targetOf(Path page, String link) {
    String path = link.replaceFirst("#.*", "");
    Path target = path.isEmpty() ? page : page.resolveSibling(path).normalize();
    Path index = target.resolve("index.md");
    return Files.exists(project.resolve(index)) ? index : target;
  }

  private static boolean isElsewhere(String target) {
    return target.matches("[a-z]+:.*");
  }

  private String source(Path file, Layout layout) throws IOException {
    String text = Layout.escape(Files.readString(project.resolve(file)));
    String name = slashes(file);
    return layout.page(
        Address.of(project, file),
        file.getFileName().toString(),
        List.of(),
        "<h1>%s</h1>\n<pre><code>%s</code></pre>\n".formatted(Layout.escape(name), text));
  }

  /** A page that lists the files of a folder; those in Markdown by their titles. */
  private String folder(Path folder, Layout layout) throws IOException {
    Path address = Address.of(project, folder);
    StringBuilder list = new StringBuilder();
    for (Path file : filesOf(folder)) {
      add(file);
      String name = Address.isPage(file) ? pageOf(file).title() : file.getFileName().toString();
      list.append(
          "<li><a href=\"%s\">%s</a></li>\n"
              .formatted(Address.link(address, Address.of(project, file)), Layout.escape(name)));
    }
    String name = slashes(folder);
    return layout.page(
        address,
        name,
        List.of(),
        "<h1>%s</h1>\n<ul>\n%s</ul>\n".formatted(Layout.escape(name), list));
  }

  private List<Path> filesOf(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(project.resolve(folder))) {
      return files.filter(Files::isRegularFile).sorted().map(project::relativize).toList();
    }
  }

  private Page pageOf(Path file) throws IOException {
    return new Page(Files.readString(project.resolve(file)));
  }

  private void write(Path address, String html) throws IOException {
    Path file = site.resolve(address);
    Files.createDirectories(file.getParent());
    Files.writeString(file, html);
  }

  private void copy(InputStream content, Path address) throws IOException {
    Path file = site.resolve(address);
    Files.createDirectories(file.getParent());
    try (content) {
      Files.copy(Objects.requireNonNull(content), file, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private static String slashes(Path file) {
    return file.toString().replace('\\', '/');
  }
}
