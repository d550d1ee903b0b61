package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** The folders in which servers keep their data. */
final class TemporaryFolder {

  /** Where it exists, its files are in memory. */
  private static final Path MEMORY = Path.of("/dev/shm");

  /** Several times what all tests of a module write. */
  private static final long ENOUGH_BYTES = 4L << 30;

  /** Far longer than the tests of a module take. */
  private static final Duration ABANDONED = Duration.ofHours(12);

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
    } catch (IOException e) {
      // The disk will do.
    }
    return onDisk();
  }

  static Path onDisk() {
    return Path.of(System.getProperty("java.io.tmpdir"));
  }

  /** What processes that were killed have left would fill the memory. */
  private static void deleteAbandoned(Path parent) throws IOException {
    Instant old = Instant.now().minus(ABANDONED);
    try (DirectoryStream<Path> folders = Files.newDirectoryStream(parent, "eventstore-*")) {
      for (Path folder : folders) {
        if (Files.getLastModifiedTime(folder).toInstant().isBefore(old)) {
          delete(folder);
        }
      }
    }
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
