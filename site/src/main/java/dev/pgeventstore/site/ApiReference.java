package dev.pgeventstore.site;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The Javadoc of the modules, where an earlier build has made it. It is copied into the folder
 * {@code api} of the site as it is, with the scripts by which it searches.
 */
final class ApiReference {

  private static final Path FOLDER = Path.of("api");
  private static final List<String> PLACES = List.of("target/reports/apidocs", "target/apidocs");

  private final List<Path> modules = new ArrayList<>();
  private final List<Path> javadocs = new ArrayList<>();

  ApiReference(Path project) throws IOException {
    try (Stream<Path> folders = Files.list(project)) {
      for (Path module : folders.sorted().toList()) {
        for (String place : PLACES) {
          if (Files.isRegularFile(module.resolve(place).resolve("index.html"))) {
            modules.add(module.getFileName());
            javadocs.add(module.resolve(place));
            break;
          }
        }
      }
    }
  }

  List<Layout.Entry> contents() {
    return modules.stream()
        .map(
            module ->
                new Layout.Entry(
                    "API reference",
                    module.toString(),
                    FOLDER.resolve(module).resolve("index.html")))
        .toList();
  }

  void copyInto(Path site) throws IOException {
    for (int i = 0; i < modules.size(); i++) {
      copy(javadocs.get(i), site.resolve(FOLDER).resolve(modules.get(i)));
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path target = to.resolve(from.relativize(file).toString());
        Files.createDirectories(target.getParent());
        Files.copy(file, target, StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }
}
