package dev.pgeventstore.kafka;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * A disk of some megabytes that can be full: a file system in memory, mounted for a test and
 * unmounted after it. Only root may do that, on Linux; elsewhere the test is skipped.
 */
final class SmallDisk implements AutoCloseable {

  private static final int CHUNK_BYTES = 1024 * 1024;

  private final Path folder;
  private final Path filler;

  private SmallDisk(Path folder) {
    this.folder = folder;
    this.filler = folder.resolve("filler");
  }

  static SmallDisk mount(int megabytes) throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory("eventstore-disk");
    Ended mount = run("mount", "-t", "tmpfs", "-o", "size=" + megabytes + "m", "tmpfs", folder);
    if (mount.exitValue != 0) {
      Files.delete(folder);
    }
    assumeTrue(
        mount.exitValue == 0,
        "needs a small disk, which only root may mount, on Linux: " + mount.output);
    SmallDisk disk = new SmallDisk(folder);
    Runtime.getRuntime().addShutdownHook(new Thread(disk::close, "small-disk-unmount"));
    return disk;
  }

  /** Where it is mounted. */
  Path folder() {
    return folder;
  }

  /** Leaves no room on it, whoever else takes some meanwhile. */
  void fill() throws IOException {
    for (long room = room(); room > 0; room = room()) {
      try {
        Files.write(
            filler,
            new byte[(int) Math.min(room, CHUNK_BYTES)],
            StandardOpenOption.CREATE,
            StandardOpenOption.APPEND);
      } catch (IOException e) {
        // Another process has taken what there was.
      }
    }
  }

  private long room() throws IOException {
    return Files.getFileStore(folder).getUsableSpace();
  }

  /** Takes away what it was filled with. */
  void free() throws IOException {
    Files.deleteIfExists(filler);
  }

  /** Unmounts it, also while a process still has files open there. Twice does nothing. */
  @Override
  public synchronized void close() {
    if (!Files.exists(folder)) {
      return;
    }
    try {
      Ended unmount = run("umount", "--lazy", folder);
      if (unmount.exitValue != 0) {
        throw new IllegalStateException(folder + " cannot be unmounted: " + unmount.output);
      }
      Files.delete(folder);
    } catch (IOException e) {
      throw new IllegalStateException(folder + " cannot be unmounted", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while " + folder + " was being unmounted", e);
    }
  }

  private static Ended run(Object... command) throws IOException, InterruptedException {
    try {
      Process process =
          new ProcessBuilder(List.of(command).stream().map(Object::toString).toList())
              .redirectErrorStream(true)
              .start();
      String output =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
      return new Ended(process.waitFor(), output);
    } catch (IOException e) {
      // There is no such program.
      return new Ended(-1, e.getMessage());
    }
  }

  private record Ended(int exitValue, String output) {}
}
