package dev.pgeventstore.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Checks the references in the documents. A test is referred to as {@code Class#method}, in a link
 * to the file of the class.
 */
class LinksTest {

  private static final Pattern PACKAGE = Pattern.compile("(?m)^package ([\\w.]+);");

  private static final Pattern LINK = Pattern.compile("\\[([^]]*)]\\(([^)\\s]+)\\)");
  private static final Pattern METHOD = Pattern.compile("`?(\\w+)#(\\w+)`?");
  private static final Pattern TEST = Pattern.compile("@(Test|ParameterizedTest|RepeatedTest)\\b");
  private static final Pattern NOT_RUN = Pattern.compile("@(Disabled|Enabled)");
  private static final Pattern NAME = Pattern.compile("`([^`]+)`");
  private static final Pattern HEADING = Pattern.compile("(?m)^#+ +(.+)$");

  @Test
  void every_link_leads_to_an_existing_target() throws IOException {
    assertThat(broken()).isEmpty();
  }

  @Test
  void every_promise_has_a_test() throws IOException {
    Path guarantees = Project.folder().resolve("docs/guarantees.md");
    List<String> without =
        Files.readAllLines(guarantees).stream()
            .filter(line -> line.startsWith("| ") && !line.matches("\\| (promise|---) .*"))
            .filter(line -> !METHOD.matcher(line).find())
            .toList();

    assertThat(without).isEmpty();
  }

  /** Tests that run in the profile {@code soak} only do not count (CONTRIBUTING.md). */
  @Test
  void every_test_of_a_promise_runs_in_the_default_or_in_the_fault_tier() throws IOException {
    List<String> that = new ArrayList<>();
    for (String name : List.of("README.md", "docs/guarantees.md")) {
      Path document = Project.folder().resolve(name);
      for (MatchResult link : LINK.matcher(Files.readString(document)).results().toList()) {
        for (MatchResult test : METHOD.matcher(link.group(1)).results().toList()) {
          Path file = document.resolveSibling(link.group(2)).normalize();
          String flaw = flawOfTest(Files.readString(file), test.group(1), test.group(2));
          if (!flaw.isEmpty()) {
            that.add("%s: %s: %s".formatted(document, link.group(), flaw));
          }
        }
      }
    }
    assertThat(that).isEmpty();
  }

  static String flawOfTest(String source, String type, String method) {
    String ofMethod = declaration(source, "\\bvoid " + method + "\\(");
    String ofClass = declaration(source, "\\b(class|interface) " + type + "\\b");
    if (!TEST.matcher(ofMethod).find()) {
      return "this is no test";
    }
    if (NOT_RUN.matcher(ofMethod + ofClass).find()) {
      return "this test is disabled, or runs on condition";
    }
    return (ofMethod + ofClass).contains("@Tag(\"soak\")") ? "this test runs with soak only" : "";
  }

  /** The declaration from the blank line before it, which includes all annotations. */
  private static String declaration(String source, String name) {
    Matcher found = Pattern.compile(name).matcher(source);
    if (!found.find()) {
      return "";
    }
    String before = source.substring(0, found.start());
    return before.substring(Math.max(0, before.lastIndexOf("\n\n"))) + '\n';
  }

  @Test
  void a_test_that_is_missing_disabled_or_too_long_does_not_count() {
    String source =
        """
        /** Tests. */
        class SomeTest {

          @Test
          void a() {}

          @Tag("soak")
          @Test
          void b() {}

          @Disabled
          @ParameterizedTest
          void c(int i) {}

          void d() {}
        }
        """;
    assertThat(flawOfTest(source, "SomeTest", "a")).isEmpty();
    assertThat(flawOfTest(source, "SomeTest", "b")).contains("soak");
    assertThat(flawOfTest(source, "SomeTest", "c")).contains("disabled");
    assertThat(flawOfTest(source, "SomeTest", "d")).contains("no test");
    assertThat(flawOfTest(source, "SomeTest", "e")).contains("no test");
    String tagged = source.replace("class", "@Tag(\"soak\")\nclass");
    assertThat(flawOfTest(tagged, "SomeTest", "a")).contains("soak");
    String condition = source.replace("class", "@EnabledIf(\"x\")\nclass");
    assertThat(flawOfTest(condition, "SomeTest", "a")).contains("condition");
  }

  /** By a name that can be searched for: a class, a member of one, or a name in the database. */
  @Test
  void every_promise_names_the_code_that_keeps_it() throws IOException {
    StringBuilder sql = new StringBuilder();
    try (Stream<Path> scripts = Files.walk(Project.folder().resolve("db"))) {
      for (Path script : scripts.filter(file -> file.toString().endsWith(".sql")).toList()) {
        sql.append(Files.readString(script));
      }
    }
    Map<String, String> classes = new HashMap<>();
    List<Path> files = new ArrayList<>(mainFiles());
    files.addAll(javaFiles(Project.folder().resolve("examples/src/main/java")));
    for (Path file : files) {
      classes.merge(nameOf(file), Files.readString(file), String::concat);
    }
    List<String> without = new ArrayList<>();
    for (String row : Files.readAllLines(Project.folder().resolve("docs/guarantees.md"))) {
      if (METHOD.matcher(row).find() && row.startsWith("| ")) {
        String code = row.substring(row.lastIndexOf(" | ") + 3);
        List<String> names = NAME.matcher(code).results().map(name -> name.group(1)).toList();
        boolean areThere = names.stream().allMatch(name -> isThere(name, classes, sql.toString()));
        if (names.isEmpty() || !areThere) {
          without.add(row);
        }
      }
    }
    assertThat(without).isEmpty();
  }

  private static boolean isThere(String name, Map<String, String> classes, String sql) {
    if (name.endsWith("()")) {
      return sql.contains("." + name.replace("()", "("))
          || sql.contains(" " + name.replace("()", "("));
    }
    String[] parts = name.split("\\.");
    if (!Character.isUpperCase(name.charAt(0))) {
      return Pattern.compile("\\b" + name + "\\b").matcher(sql).find();
    }
    String source = classes.getOrDefault(parts[0], "");
    return Stream.of(parts)
        .allMatch(part -> Pattern.compile("\\b" + part + "\\b").matcher(source).find());
  }

  @Test
  void every_public_type_is_in_a_document_or_an_example() throws IOException {
    StringBuilder told = new StringBuilder();
    for (Path document : documents()) {
      told.append(Files.readString(document));
    }
    for (Path example : javaFiles(Project.folder().resolve("examples/src"))) {
      told.append(Files.readString(example));
    }
    Set<String> words = Set.copyOf(List.of(told.toString().split("\\W+")));

    assertThat(publicTypes()).hasSizeGreaterThan(100).allMatch(words::contains);
  }

  @Test
  void the_reference_lists_the_types_of_every_package() throws IOException {
    Map<String, Set<String>> packages = new TreeMap<>();
    for (Path file : apiFiles()) {
      packages.computeIfAbsent(packageOf(file), name -> new TreeSet<>()).add(nameOf(file));
    }
    List<String> rows = new ArrayList<>();
    packages.forEach(
        (name, types) ->
            rows.add("| `%s` | %s |".formatted(name, "`" + String.join("`, `", types) + "`")));

    assertThat(Files.readAllLines(Project.folder().resolve("docs/reference.md")))
        .map(line -> line.replaceFirst("^(\\| `[\\w.]+` \\|) `[\\w-]+` \\|", "$1"))
        .containsAll(rows);
  }

  private static String packageOf(Path file) throws IOException {
    Matcher name = PACKAGE.matcher(Files.readString(file));
    return name.find() ? name.group(1) : "";
  }

  private static Set<String> publicTypes() throws IOException {
    Set<String> types = new TreeSet<>();
    for (Path file : apiFiles()) {
      types.add(nameOf(file));
    }
    return types;
  }

  /** Of the types that applications may use. */
  private static List<Path> apiFiles() throws IOException {
    List<Path> files = new ArrayList<>();
    for (Path file : mainFiles()) {
      boolean isApi = !file.toString().contains("/internal/");
      if (isApi && declares(Files.readString(file), nameOf(file))) {
        files.add(file);
      }
    }
    return files;
  }

  /** Those of the libraries. */
  private static List<Path> mainFiles() throws IOException {
    List<Path> files = new ArrayList<>();
    try (Stream<Path> modules = Files.list(Project.folder())) {
      for (Path module : modules.filter(LinksTest::isLibrary).toList()) {
        files.addAll(javaFiles(module.resolve("src/main/java")));
      }
    }
    return files;
  }

  private static boolean isLibrary(Path module) {
    return module.getFileName().toString().startsWith("eventstore-");
  }

  private static String nameOf(Path file) {
    return file.getFileName().toString().replace(".java", "");
  }

  private static boolean declares(String source, String type) {
    return Pattern.compile("(?m)^public .*\\b(class|@?interface|record|enum) " + type + "\\b")
        .matcher(source)
        .find();
  }

  private static List<Path> javaFiles(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(file -> file.toString().endsWith(".java")).toList();
    }
  }

  /** The map for coding assistants has the same pages as the table of contents. */
  @Test
  void every_page_is_in_the_index_and_in_the_map_for_assistants() throws IOException {
    String index = Files.readString(Project.folder().resolve("docs/index.md"));
    String map = Files.readString(Project.folder().resolve("llms.txt"));
    try (Stream<Path> pages = Files.list(Project.folder().resolve("docs"))) {
      assertThat(pages.map(page -> page.getFileName().toString()))
          .filteredOn(page -> page.endsWith(".md") && !page.equals("index.md"))
          .allSatisfy(page -> assertThat(index).contains("(" + page + ")"))
          .allSatisfy(page -> assertThat(map).contains("(docs/" + page + ")"));
    }
  }

  private static List<String> broken() throws IOException {
    List<String> broken = new ArrayList<>();
    for (Path document : documents()) {
      for (MatchResult link : LINK.matcher(Files.readString(document)).results().toList()) {
        String flaw = flawOf(link.group(1), link.group(2), document);
        if (!flaw.isEmpty()) {
          broken.add("%s: %s: %s".formatted(document, link.group(), flaw));
        }
      }
    }
    return broken;
  }

  private static List<Path> documents() throws IOException {
    Path folder = Project.folder();
    try (Stream<Path> top = Files.list(folder);
        Stream<Path> docs = Files.walk(folder.resolve("docs"));
        Stream<Path> db = Files.list(folder.resolve("db"))) {
      List<Path> documents =
          Stream.of(top, docs, db)
              .flatMap(files -> files)
              .filter(file -> file.toString().endsWith(".md") || file.endsWith("llms.txt"))
              .sorted()
              .toList();
      assertThat(documents).hasSizeGreaterThan(5);
      return documents;
    }
  }

  private static String flawOf(String text, String target, Path document) throws IOException {
    if (target.startsWith("https://")) {
      return "";
    }
    String[] parts = target.split("#", 2);
    Path file = parts[0].isEmpty() ? document : document.resolveSibling(parts[0]).normalize();
    if (!Files.exists(file)) {
      return "there is no such file";
    }
    if (parts.length == 2 && !anchors(file).contains(parts[1])) {
      return "there is no such heading";
    }
    for (MatchResult method : METHOD.matcher(text).results().toList()) {
      if (!file.getFileName().toString().equals(method.group(1) + ".java")) {
        return "this is not the file of " + method.group(1);
      }
      if (!Files.readString(file).contains("void " + method.group(2) + "(")) {
        return "there is no such test";
      }
    }
    return "";
  }

  private static List<String> anchors(Path file) throws IOException {
    return HEADING
        .matcher(Files.readString(file))
        .results()
        .map(heading -> heading.group(1).toLowerCase(Locale.ROOT))
        .map(heading -> heading.replaceAll("[^\\w\\- ]", "").replace(' ', '-'))
        .toList();
  }
}
