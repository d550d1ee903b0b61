package dev.pgeventstore.examples.docs;

import java.nio.file.Files;
import java.nio.file.Path;

/** The folder of the whole project, for tests that run in any of its folders. */
final class Project {

  private Project() {}

  static Path folder() {
    Path folder = Path.of("").toAbsolutePath();
    while (!Files.exists(folder.resolve("mvnw"))) {
      folder = folder.getParent();
    }
    return folder;
  }
}
