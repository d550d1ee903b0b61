package dev.pgeventstore.examples.docs;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** A copy of the project, from which a release is built. */
record ReleaseBuild(Path project) {

  static final String URL = "https://example.org/pgeventstore";

  private static final Set<String> LEFT_OUT =
      Set.of("target", ".git", ".idea", ".flattened-pom.xml");

  static ReleaseBuild copyOf(Path project, Path to) throws IOException {
    copy(project, to);
    return new ReleaseBuild(to);
  }

  /** Copies what is not built. */
  static void copy(Path from, Path to) throws IOException {
    Files.walkFileTree(
        from,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
              throws IOException {
            if (isLeftOut(folder)) {
              return FileVisitResult.SKIP_SUBTREE;
            }
            Files.createDirectories(to.resolve(from.relativize(folder)));
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            if (!isLeftOut(file)) {
              Files.copy(
                  file, to.resolve(from.relativize(file)), StandardCopyOption.COPY_ATTRIBUTES);
            }
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private static boolean isLeftOut(Path file) {
    return LEFT_OUT.contains(file.getFileName().toString());
  }

  /** The repository that third parties' artifacts were downloaded into. */
  static Path downloads() {
    String ofSurefire = System.getProperty("localRepository", "");
    return ofSurefire.isEmpty()
        ? Path.of(System.getProperty("user.home"), ".m2", "repository")
        : Path.of(ofSurefire);
  }

  /** The first command of docs/releasing.md. */
  void setReleaseVersion() throws Exception {
    maven("versions:set", "-DremoveSnapshot", "-DgenerateBackupPoms=false").runs();
  }

  /** The second command of docs/releasing.md. */
  void build(Map<String, String> environment) throws Exception {
    maven("-Prelease", "clean", "deploy", "-Drelease.url=" + URL, "-Drelease.scm=" + URL + ".git")
        .with(environment)
        .runs();
  }

  Command maven(String... arguments) {
    return Command.maven(
        project,
        Stream.concat(Stream.of(arguments), Stream.of("-Dmaven.repo.local=" + downloads()))
            .toList());
  }

  String version() throws Exception {
    return Pom.read(project.resolve("pom.xml")).at("/project/version");
  }

  Path repository() {
    return project.resolve("target").resolve("release");
  }

  /** All files of the repository, sorted, relative to it. */
  List<Path> files() throws IOException {
    return files("");
  }

  List<Path> files(String end) throws IOException {
    try (Stream<Path> files = Files.walk(repository())) {
      return files
          .filter(Files::isRegularFile)
          .filter(file -> file.toString().endsWith(end))
          .map(repository()::relativize)
          .sorted()
          .toList();
    }
  }
}
