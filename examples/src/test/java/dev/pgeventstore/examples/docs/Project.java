package dev.pgeventstore.examples.docs;

import java.nio.file.Files;
import java.nio.file.Path;

/** The folder of the whole project, whichever folder tests run in. */
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
