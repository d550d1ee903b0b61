package dev.pgeventstore.examples.docs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Code between two comments, {@code tag::name[]} and {@code end::name[]}, as pages show it. */
final class Region {

  private Region() {}

  static String of(Path file, String tag) throws IOException {
    List<String> lines = Files.readAllLines(Project.folder().resolve(file));
    int start = indexOf("// tag::" + tag + "[]", lines);
    int end = indexOf("// end::" + tag + "[]", lines);
    // The formatter wants a blank line between the last method and the comment that ends a region.
    return String.join("\n", lines.subList(start + 1, end)).stripTrailing().stripIndent() + "\n";
  }

  private static int indexOf(String comment, List<String> lines) {
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).strip().equals(comment)) {
        return i;
      }
    }
    throw new AssertionError("no " + comment + " in the file");
  }
}
