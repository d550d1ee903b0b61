package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The folders in which servers keep their data. */
final class TemporaryFolder {

  /** Where it exists, its files are in memory. */
  private static final Path MEMORY = Path.of("/dev/shm");

  /** Several times what all tests of a module write. */
  private static final long ENOUGH_BYTES = 4L << 30;

  private static final Pattern NAME = Pattern.compile("eventstore-[a-z]+-(\\d+)-\\d+");

  private TemporaryFolder() {}

  /**
   * The parent of folders for data that need not outlive this process: in memory, if the machine
   * has much of it, because creating and deleting a file can take a hundred times as long on a
   * disk. A database has 300 files, and each test creates one.
   */
  static Path cheapest() {
    try {
      if (Files.isWritable(MEMORY) && Files.getFileStore(MEMORY).getUsableSpace() >= ENOUGH_BYTES) {
        deleteAbandoned(MEMORY);
        return MEMORY;
      }
    } catch (IOException | UncheckedIOException e) {
      // The disk will do.
    }
    return onDisk();
  }

  static Path onDisk() {
    return Path.of(System.getProperty("java.io.tmpdir"));
  }

  /** What processes that were killed have left would fill the memory. */
  private static void deleteAbandoned(Path parent) throws IOException {
    List<Path> folders;
    try (Stream<Path> all = Files.list(parent)) {
      folders = all.toList();
    }
    for (Path folder : folders) {
      Matcher name = NAME.matcher(folder.getFileName().toString());
      if (name.matches() && ProcessHandle.of(Long.parseLong(name.group(1))).isEmpty()) {
        try {
          delete(folder);
        } catch (IOException | UncheckedIOException e) {
          // Another process deletes the folder too, or another user owns it.
        }
      }
    }
  }

  /** Creates a folder that can be told by the process that has created it. */
  static Path create(Path parent, String name) throws IOException {
    return Files.createTempDirectory(
        parent, "eventstore-%s-%d-".formatted(name, ProcessHandle.current().pid()));
  }

  static void delete(Path folder) throws IOException {
    List<Path> deepestFirst;
    try (Stream<Path> files = Files.walk(folder)) {
      deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path file : deepestFirst) {
      Files.deleteIfExists(file);
    }
  }
}
